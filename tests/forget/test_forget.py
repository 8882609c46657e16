"""Forgetting: no byte of it is left anywhere in the root, it never comes back, and all else is as it was."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.forget import finish_forgetting, forget
from flows.settings import Settings
from tasks.forget.concern import Wish
from tasks.labels.snapshot import read_snapshot, snapshot_names
from tasks.report.page import report_path
from tasks.report.status import status
from tasks.store import tables
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tasks.store.storage import to_path
from tests.forget.conftest import grown_settings, some_samples
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, learn, opened, rows, select, settings_for

NOTE = "they asked for it"


def told_apart(settings: Settings, samples: tuple[str, ...]) -> dict[str, bytes]:
    """Byte strings that tell samples: names, a part of each original and thumbnail, hashes and vectors."""
    root = opened(settings)
    wanted = tables.lookup(
        tables.open_table(root, "samples"), "sample_id", samples, ["source_uri", "thumbnail", "phash", "ringhash"]
    )
    vectors = tables.lookup(tables.open_table(root, "embeddings_descriptor_1"), "sample_id", samples, ["vector"])
    found = {}
    for row in wanted.to_pylist():
        original = to_path(row["source_uri"]).read_bytes()
        found[f"name of {row['sample_id']}"] = to_path(row["source_uri"]).name.encode()
        found[f"original of {row['sample_id']}"] = original[len(original) // 2 :][:48]
        found[f"thumbnail of {row['sample_id']}"] = row["thumbnail"][len(row["thumbnail"]) // 2 :][:48]
        found |= {f"{name} of {row['sample_id']}": row[name] for name in ("phash", "ringhash")}
    for row in vectors.to_pylist():
        found[f"vector of {row['sample_id']}"] = np.array(row["vector"], np.float16).tobytes()[64:160]
    return found


def places_of(root: Path, told: dict[str, bytes]) -> dict[str, set[str]]:
    """Which of these are found where: in the bytes of any file, in its name, and in the values of any table."""
    found: dict[str, set[str]] = {}
    for path in [path for path in root.rglob("*") if path.is_file()]:
        content = path.read_bytes() + str(path).encode()
        if path.suffix == ".parquet":
            content += repr(pq.read_table(path).to_pylist()).encode()
        for what, part in told.items():
            if part in content:
                found.setdefault(what.partition(" ")[0], set()).add(str(path.relative_to(root)))
    return found


def texts(settings: Settings) -> str:
    """Everything that the tables say in words; the log too."""
    root = opened(settings)
    said = []
    for name in root.table_names():
        dataset: Any = tables.open_table(root, name)
        columns = [field.name for field in dataset.schema if field.name not in ("vector", "thumbnail")]
        said.append(repr(dataset.to_table(columns=columns).to_pylist()))
    return "\n".join(said)


def everything(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table, vectors and pictures too, by table and in the order of their keys."""
    root = opened(settings)
    found = {}
    for name in root.table_names():
        if name not in ("batches", "tombstones"):
            dataset: Any = tables.open_table(root, name)
            key = (
                "sample_id"
                if name.startswith("embeddings_")
                else next(field.name for field in dataset.schema if not field.nullable)
            )
            found[name] = dataset.to_table().sort_by(key).to_pylist()
    return found


def test_forget__no_byte_of_20_samples_is_left_in_the_root(grown: Settings) -> None:
    samples = some_samples(grown, 20)
    told, root = told_apart(grown, samples), to_path(grown.root_uri)
    assert {"name", "original", "thumbnail", "phash", "vector"} <= set(places_of(root, told))
    (foreseen,) = forget(grown, Wish(samples=samples), NOTE, dry_run=True)
    (erased,) = forget(grown, Wish(samples=samples), NOTE)
    assert (erased.samples, erased.objects) == (foreseen.samples, foreseen.objects) == (20, 23)
    assert erased.rows == foreseen.rows
    assert foreseen.files["rewritten"] == erased.files["rewritten"]
    assert places_of(root, told) == {}
    said = texts(grown)
    assert not any(part.decode() in said for what, part in told.items() if what.startswith("name"))


def test_forget__what_was_forgotten_never_comes_back(grown: Settings, grown_once: Path, tmp_path: Path) -> None:
    samples = some_samples(grown, 5)
    films = [row["uri"] for row in rows(grown, "SELECT uri FROM videos")]
    forget(grown, Wish(samples=samples, uris=tuple(films)), NOTE)
    before = rows(grown, "SELECT sample_id FROM samples ORDER BY ALL")
    assert not curate(grown).counts["sample"]
    assert rows(grown, "SELECT sample_id FROM samples ORDER BY ALL") == before
    elsewhere = Maker(tmp_path / "elsewhere")
    for name in ("000-of-somebody.jpg", "001-of-somebody.jpg", "film.mp4"):
        elsewhere.write(f"renamed-{name}", (grown_once / "source" / "cam" / name).read_bytes())
    elsewhere.write("fresh.jpg", jpeg(photograph(900)))
    again = settings_for(elsewhere.folder, to_path(grown.root_uri))
    counts = curate(again).counts
    assert (counts["sample"], counts["reject"], counts["copy"], counts["video"]) == (1, 3, 0, 0)
    now = rows(grown, "SELECT sample_id FROM samples ORDER BY ALL")
    assert len(now) == len(before) + 1
    assert "renamed" not in texts(grown)
    assert places_of(to_path(grown.root_uri), {"name": b"renamed-"}) == {}
    assert curate(again).batches == []


def test_forget__the_root_goes_on(grown: Settings) -> None:
    samples = some_samples(grown, 20)
    (name,) = snapshot_names(opened(grown))
    before = read_snapshot(opened(grown), name)
    forget(grown, Wish(samples=samples), NOTE)
    after = read_snapshot(opened(grown), name)
    gone = set(before.rows["sample_id"].to_pylist()) & set(samples)
    assert set(after.forgotten) == gone != set()
    assert len(after.rows) == len(before.rows) - len(gone)
    assert status(opened(grown), "")["open"] == []
    (told,) = [batch for batch in read_log(opened(grown)).batches.values() if batch.planned.stage == "forget"]
    assert (told.planned.note, told.planned.counts["samples"]) == (NOTE, 20)
    page = to_path(report_path(opened(grown))).read_text()
    assert "000-of-somebody" not in page
    assert "030-of-somebody" in page
    select(grown, "after")
    summary = learn(grown, "after-forgetting")
    assert summary.counts["snapshot_samples"] > 0
    assert not set(read_snapshot(opened(grown), "after-forgetting").rows["sample_id"].to_pylist()) & set(samples)


@pytest.mark.parametrize("seed", [0, 1])
def test_forget__all_other_rows_are_as_they_were(grown: Settings, seed: int) -> None:
    chance = np.random.default_rng(seed)
    known = [row["sample_id"] for row in rows(grown, "SELECT sample_id FROM samples ORDER BY ALL")]
    samples = {str(one) for one in chance.choice(known, 9, replace=False)}
    before = everything(grown)
    forget(grown, Wish(samples=tuple(samples)), NOTE)
    after = everything(grown)
    uris = {row["uri"] for row in before["objects"] if row["content_id"] in samples}
    for name, were in before.items():
        stays = [
            row
            for row in were
            if not {row.get("sample_id"), row.get("kept_id"), row.get("content_id")} & samples
            and not (name == "metadata" and row["uri"] in uris)
        ]
        assert after[name] == stays, name


def test_forget__one_frame_leaves_the_others_and_a_video_takes_all(grown: Settings) -> None:
    frames = rows(grown, "SELECT sample_id, uri, video_uri FROM samples WHERE media = 'frame' ORDER BY frame_time_s")
    pictures = [to_path(grown.root_uri) / "/".join(row["uri"].split("/")[-3:]) for row in frames]
    forget(grown, Wish(uris=(frames[0]["uri"],)), NOTE)
    assert [picture.exists() for picture in pictures] == [False] + [True] * (len(frames) - 1)
    assert len(rows(grown, "SELECT sample_id FROM samples WHERE media = 'frame'")) == len(frames) - 1
    assert curate(grown).batches == []
    forget(grown, Wish(uris=(frames[0]["video_uri"],)), NOTE)
    assert rows(grown, "SELECT sample_id FROM samples WHERE media = 'frame'") == rows(grown, "FROM videos") == []
    assert not any(picture.exists() for picture in pictures)
    assert "film.mp4" not in texts(grown)


def test_forget__what_repeated_it_is_kept_and_embedded(grown: Settings) -> None:
    (pair, *_) = rows(grown, "SELECT sample_id, kept_id FROM duplicates ORDER BY ALL")
    forget(grown, Wish(samples=(pair["kept_id"],)), NOTE)
    curate(grown)
    kept = f"SELECT sample_id FROM kept WHERE sample_id = '{pair['sample_id']}'"
    assert len(rows(grown, kept)) == len(rows(grown, kept.replace("kept", "embeddings"))) == 1


STEPS = ("_put_tombstones", "purge samples", "erase_files", "end_forgetting")


@pytest.mark.parametrize("only", [pytest.param(STEPS, id="some"), pytest.param((), id="all", marks=pytest.mark.slow)])
def test_forget__killed_anywhere_it_is_carried_to_its_end(
    grown: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: tuple[str, ...]
) -> None:
    """What is on disk before each kind of step is what a kill leaves; each is carried on from there."""
    samples = some_samples(grown, 6)
    told, root = told_apart(grown, samples), to_path(grown.root_uri)
    shutil.rmtree(root / "reports")
    states = kept_before_steps(monkeypatch, root, tmp_path / "states", only)
    forget(grown, Wish(samples=samples), NOTE)
    monkeypatch.undo()
    expected = everything(grown)
    assert len(states) >= len(STEPS)
    for step, place in states.items():
        left = grown_settings(to_path(grown.source_uri).parent, place)
        assert finish_forgetting(opened(left), left), step
        assert everything(left) == expected, step
        assert places_of(place, told) == {}, step
        assert finish_forgetting(opened(left), left) == [], step


def kept_before_steps(monkeypatch: pytest.MonkeyPatch, root: Path, to: Path, only: tuple[str, ...]) -> dict[str, Path]:
    """Copies of the root, filled while it is worked on: one before the first step of each kind."""
    import flows.forget as flow
    import tasks.forget.forget as steps
    import tasks.forget.rows as rows_of
    from tasks.store.folder import Folder

    states: dict[str, Path] = {}

    def watch(where: Any, name: str) -> None:
        real = getattr(where, name)

        def kept(*given: Any, **options: Any) -> Any:
            begun = (root / "tables" / "tombstones.lance").exists() or name == "_put_tombstones"
            step = f"{name} {given[1] if where is rows_of else ''}".strip()
            if begun and step not in states and step in (only or (step,)):
                states[step] = to / str(len(states))
                shutil.copytree(root, states[step])
            return real(*given, **options)

        monkeypatch.setattr(where, name, kept)

    for where, names in (
        (steps, ("_put_tombstones", "erase_staged", "forget_in_snapshots", "erase_files")),
        (flow, ("end_forgetting",)),
        (rows_of, ("erase", "purge")),
        (Folder, ("write", "delete")),
    ):
        for name in names:
            watch(where, name)
    return states


def test_forget__mistakes_are_told_and_change_nothing(grown: Settings) -> None:
    before = everything(grown)
    (sample,) = some_samples(grown, 1)
    for wish, note, words in (
        (Wish(samples=("nobody",)), NOTE, "no sample"),
        (Wish(uris=("/nowhere/x.jpg",)), NOTE, "No file"),
        (Wish(where="colour = 1"), NOTE, "colour"),
        (Wish(), NOTE, "what to forget"),
        (Wish(samples=(sample,)), " ", "why"),
        (Wish(samples=(sample,)), "000-of-somebody.jpg was there by mistake", "without the names"),
    ):
        with pytest.raises(UsageError, match=words):
            forget(grown, wish, note)
    assert everything(grown) == before
    assert forget(grown, Wish(where="false"), NOTE) == []


def test_forget__a_file_that_a_batch_has_still_to_read_is_not_forgotten(grown: Settings, tmp_path: Path) -> None:
    from tasks.ingest.plan import plan

    place = Maker(tmp_path / "more").write("waits.jpg", jpeg(photograph(901)))
    later = settings_for(place.parent, to_path(grown.root_uri))
    plan(opened(later), later.source_uri, later.ingest, later.frozen())
    with pytest.raises(UsageError, match="not taken in yet"):
        forget(later, Wish(uris=(str(place),)), NOTE)
    curate(later)
    forget(later, Wish(uris=(str(place),)), NOTE)
    assert "waits.jpg" not in texts(later)
