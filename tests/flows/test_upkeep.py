"""Maintenance while three runs contend for a root: no row is lost, a snapshot stays readable, the files get fewer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flows.maintain import maintain
from flows.settings import Settings
from tasks.labels.snapshot import MANIFEST, Snapshot, manifest_uri, read_snapshot, write_manifest
from tasks.store import tables
from tasks.store.commit import Resolved, commit, write
from tasks.store.log import Event, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SNAPSHOTS, TAGS
from tests.flows.conftest import OPTIONS, Zygote, Zygotes, everything
from tests.pipeline import settings_for

RUNS = 3
TAGGED = 30


def test_maintain__a_dry_run_waits_for_nobody(tmp_path: Path) -> None:
    from tasks.store.root import locked

    settings = settings_for(tmp_path, tmp_path / "root")
    root = open_root(settings.root_uri, create=True)
    with ThreadPoolExecutor() as pool, locked(root):
        assert pool.submit(maintain.fn, settings, True).result(30).tables == []


def test_maintain__beside_contending_runs(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path) -> None:
    maintain_beside(zygotes(RUNS), mess, tmp_path / "r", undisturbed[0], locked=False)


@pytest.mark.slow
@pytest.mark.parametrize("locked", [True, False])
def test_maintain__ten_times_beside_contending_runs(
    mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path, locked: bool
) -> None:
    for number in range(10):
        (tmp_path / str(number)).mkdir()
        maintain_beside(zygotes(RUNS), mess, tmp_path / str(number) / "r", undisturbed[0], locked=locked)


def maintain_beside(runs: list[Zygote], source: Path, place: Path, expected: Any, *, locked: bool) -> None:
    """Maintain again and again while the runs work, and compare with what a run gives that nobody disturbed."""
    settings = settings_for(source, place, **OPTIONS, maintain__keep_versions_days=5 / 86400)
    snapshot = prepared(open_root(settings.root_uri, create=True))
    before, rounds = files_of(settings), 0
    for run in runs:
        run.ask(source, place, locked=locked, **OPTIONS)
    with ThreadPoolExecutor(len(runs)) as pool:
        answers = [pool.submit(run.answer) for run in runs]
        while not all(answer.done() for answer in answers):
            maintain.fn(settings)
            rounds += 1
        told = [answer.result() for answer in answers]
    assert [(one["signal"], one["code"]) for one in told] == [(0, 0)] * len(runs), runs[0].said(place)
    assert rounds > 0
    maintain.fn(settings)
    found = everything(source, place)
    assert {name for name in found if found[name] != expected[name]} == set()
    assert read_snapshot(open_root(settings.root_uri), "before").hash == snapshot.hash
    after = files_of(settings)
    assert before["tags"] == TAGGED
    assert after == dict.fromkeys(after, 1)


def prepared(root: Root) -> Snapshot:
    """Make a snapshot, and a table of many small files; the snapshot."""
    row = {"sample_id": "a", "annotation_id": "b", "value": '{"class": "cat"}', "side": "test", "group": "a"}
    rows = pa.Table.from_pylist([row], schema=MANIFEST)
    snapshot = Snapshot("before", "pets", 1, "class", ("cat",), None, rows)
    write_manifest(root, snapshot)
    record(root, lambda _log: Event("before", "planned", "snapshot", counts={"ontology": "pets"}))
    known = {"name": "before", "manifest_uri": manifest_uri(root, "before"), "manifest_hash": snapshot.hash}
    known |= {"parent": None, "created_at": datetime.now(UTC)}
    made = pa.Table.from_pylist([known], schema=SNAPSHOTS.schema)
    commit(root, "before", "snapshot", lambda _log: Resolved([(SNAPSHOTS, made)], {}))
    for number in range(TAGGED):
        write(root, TAGS.name, pa.Table.from_pylist([{"tag_id": f"t{number}"}], schema=TAGS.schema))
    return snapshot


def files_of(settings: Settings) -> dict[str, int]:
    """The files that hold the rows of each table that has any."""
    root = open_root(settings.root_uri)
    opened = {name: tables.open_table(root, name) for name in root.table_names()}
    return {name: len(one.get_fragments()) for name, one in opened.items() if one is not None and one.count_rows()}
