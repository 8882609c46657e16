"""The laws of the house, each over real flows."""

import ast
import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from tasks.ingest.plan import plan
from tasks.ingest.retry import open_again, rejects
from tasks.store import tables
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, doubled_keys, opened, rows, select, settings_for, versions

HOUSE = Path(__file__).parents[2]


def messy(maker: Maker, seed: int, count: int = 30) -> None:
    """A seeded mess: photographs, exact copies, near-copies, broken files, other files."""
    chance = random.Random(seed)
    for number in range(count):
        kind = chance.choice(["photo", "photo", "photo", "copy", "near", "broken", "empty", "other"])
        scene = photograph(chance.randrange(6) if kind in ("copy", "near") else 1000 * seed + number)
        written = {
            "photo": jpeg(scene),
            "copy": jpeg(scene),
            "near": jpeg(scene, chance.choice([70, 80])),
            "broken": jpeg(scene)[:300],
            "empty": b"",
            "other": b"text",
        }[kind]
        maker.write(f"{chance.choice('ab')}/{number:03d}.{'txt' if kind == 'other' else 'jpg'}", written)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_conservation(seed: int, maker: Maker, tmp_path: Path) -> None:
    messy(maker, seed)
    settings = settings_for(maker.folder, tmp_path / "root", ingest__batch_size=11, ingest__shard_size=4)
    planned = plan(opened_new(settings), settings.source_uri, settings.ingest, settings.frozen())
    assert planned.listed == planned.ignored + planned.known + planned.new == 30
    counts = curate(settings).counts
    assert planned.new == sum(counts[name] for name in ("sample", "copy", "video", "reject", "deferred"))
    assert counts["sample"] == counts["kept"] + counts["perceptual"]
    assert counts["kept"] == counts["embedded"]
    found = {
        row["outcome"]: row["n"]
        for row in rows(settings, "SELECT outcome, count(*) AS n FROM objects GROUP BY outcome")
    }
    assert found == {name: counts[name] for name in ("sample", "copy", "reject", "deferred") if counts[name]}
    assert all(
        row["reason"] for row in rows(settings, "SELECT reason FROM objects WHERE outcome IN ('reject', 'deferred')")
    )


def opened_new(settings: Any) -> Any:
    from tasks.store.root import open_root

    return open_root(settings.root_uri, create=True)


def test_twice_is_once(maker: Maker, tmp_path: Path) -> None:
    messy(maker, 5)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    select(settings)
    before, tables_before = content(settings), versions(settings)
    curate(settings)
    select(settings)
    assert (content(settings), versions(settings)) == (before, tables_before)


def test_batches_and_shards_make_no_difference_to_what_is_learnt_from(maker: Maker, tmp_path: Path) -> None:
    """Which of two near-copies is kept may depend on their batch; which objects and samples there are may not."""
    messy(maker, 6)
    whole = settings_for(maker.folder, tmp_path / "whole")
    parts = settings_for(maker.folder, tmp_path / "parts", ingest__batch_size=7, ingest__shard_size=2)
    curate(whole)
    curate(parts)
    for sql in (
        "SELECT object_id, content_id, outcome = 'reject' AS reject FROM objects ORDER BY object_id",
        "SELECT sample_id, phash, ringhash, thumbnail, sharpness FROM samples ORDER BY sample_id",
    ):
        assert rows(whole, sql) == rows(parts, sql)
    assert doubled_keys(parts) == {}


def test_pay_for_what_is_new__one_more_file_reads_one_file(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.photographs(20)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    maker.photographs(1, first=100)
    read: list[int] = []
    from tasks.ingest import measure_shard

    real = measure_shard.run_isolated
    monkeypatch.setattr(
        measure_shard,
        "run_isolated",
        lambda work, jobs, **limits: (read.append(len(jobs)), real(work, jobs, **limits))[1],
    )
    assert curate(settings).counts["sample"] == 1
    assert read == [1]


def test_bytes_are_read_once__later_stages_need_no_originals(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(8)
    settings = settings_for(maker.folder, tmp_path / "root", gates__ingested__mode="approve")
    held = curate(settings).held[0]
    for place in maker.folder.rglob("*.jpg"):
        place.unlink()
    from tasks.gate.settle import release

    release(opened(settings), held, "go on")
    assert curate(settings).counts["embedded"] == 8


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_deferred(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2)[0].chmod(0)
    settings = settings_for(maker.folder, tmp_path / "root")
    assert curate(settings).counts["deferred"] == 1


def test_what_could_not_be_reached_is_not_called_bad(maker: Maker, tmp_path: Path) -> None:
    kept, gone = maker.photographs(2)
    (tmp_path / "list.txt").write_text(f"{kept}\n{gone}\n")
    away = gone.read_bytes()
    gone.unlink()
    settings = settings_for(tmp_path / "list.txt", tmp_path / "root")
    assert curate(settings).counts["deferred"] == 1
    assert curate(settings).counts["deferred"] == 1
    assert rows(settings, "SELECT outcome, reason FROM objects ORDER BY outcome") == [
        {"outcome": "deferred", "reason": "not_found"}, {"outcome": "sample", "reason": None}
    ]  # fmt: skip
    summary = curate(settings)
    assert (summary.counts["reject"], summary.rejects["unreachable"]) == (1, 1)
    assert curate(settings).batches == []
    root = opened(settings)
    open_again(root, rejects(root, "unreachable", None), settings.ingest, settings.frozen())
    for _ in range(2):  # opened again, it is given as many chances as before
        assert curate(settings).counts["deferred"] == 1
    assert curate(settings).rejects["unreachable"] == 1
    maker.write("cam/00001.jpg", away)  # there again: another version, another object
    assert curate(settings).counts["sample"] == 1


def test_a_file_that_changes_while_it_waits_is_deferred_and_then_taken(maker: Maker, tmp_path: Path) -> None:
    place = maker.photographs(1)[0]
    settings = settings_for(maker.folder, tmp_path / "root")
    plan(opened_new(settings), settings.source_uri, settings.ingest, settings.frozen())
    place.write_bytes(jpeg(photograph(99)))
    summary = curate(settings)
    assert (summary.counts["deferred"], summary.counts["sample"]) == (1, 1)


def test_retry_opens_rejects_again(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3, width=100, height=80)
    settings = settings_for(maker.folder, tmp_path / "root", ingest__max_pixels=1000)
    assert curate(settings).rejects["too_many_pixels"] == 3
    larger = settings_for(maker.folder, tmp_path / "root")
    assert curate(larger).batches == []
    root = opened(larger)
    assert len(rejects(root, "damaged", None)) == 0
    found = rejects(root, "too_many_pixels", "2020-01-01")
    assert len(found) == 3
    with pytest.raises(UsageError, match="no reason"):
        rejects(root, "bad", None)
    with pytest.raises(UsageError, match="no date"):
        rejects(root, None, "yesterday")
    open_again(root, found, larger.ingest, larger.frozen())
    assert curate(larger).counts["sample"] == 3
    assert rows(larger, 'SELECT outcome, "pass", count(*) AS n FROM objects GROUP BY ALL') == [
        {"outcome": "sample", "pass": 1, "n": 3}
    ]


def test_nothing_leaves(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker.photographs(3)
    reached: list[object] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            reached.append(address)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    select(settings)
    assert reached == []


def test_data_is_never_code__no_unsafe_call_in_the_house() -> None:
    for place in [*HOUSE.glob("flows/**/*.py"), *HOUSE.glob("tasks/**/*.py"), *HOUSE.glob("deployments/**/*.py")]:
        for node in ast.walk(ast.parse(place.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert name not in ("eval", "exec", "yaml.load", "pickle.load", "pickle.loads"), place
            assert not {"pickle", "marshal", "shelve"} & set(imported), place
            assert "weights_only=False" not in ast.unparse(node) if isinstance(node, ast.Call) else True, place


def test_floors__nobody_on_the_middle_floor_imports_a_neighbour() -> None:
    ground = {"store", "image", "labels"}
    for place in HOUSE.glob("tasks/*/*.py"):
        room = place.parent.name
        allowed = ground if room in ground else {room, *ground}
        for node in ast.walk(ast.parse(place.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(("flows", "deployments")), f"{place} imports {name}"
                parts = name.split(".")
                assert parts[0] != "tasks" or parts[1] in (*allowed, "unit", "progress"), f"{place} imports {name}"
                if room == "store":
                    assert parts[0] != "tasks" or parts[1] == "store", f"{place} imports {name}"


def test_references_travel__no_unit_takes_or_returns_arrays_or_frames() -> None:
    import importlib
    import pkgutil
    import typing

    import tasks
    from tasks.unit import Unit

    units = []
    for module in pkgutil.walk_packages(tasks.__path__, "tasks."):
        loaded = importlib.import_module(module.name)
        units += [
            value for value in vars(loaded).values() if isinstance(value, Unit) and value.fn.__module__ == module.name
        ]
    assert len(units) >= 12
    for one in units:
        hints = str(typing.get_type_hints(one.fn))
        assert not any(word in hints for word in ("ndarray", "pyarrow", "DataFrame", "bytes")), one.name


def test_log__every_event_says_who_and_when(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    assert all(event.by and event.at for event in read_log(opened(settings)).events)
    dataset = tables.open_table(opened(settings), "batches")
    assert dataset is not None
    assert dataset.schema.field("seq").metadata[b"lance-schema:unenforced-primary-key"] == b"true"
