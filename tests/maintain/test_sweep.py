"""Sweeping: what a run may still ask for stays, what nothing needs goes."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.maintain.settings import MaintainSettings
from tasks.maintain.sweep import sweep
from tasks.store.commit import Resolved, commit
from tasks.store.ids import make_id
from tasks.store.log import STAGES, Event, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SAMPLES
from tasks.store.storage import to_path

SETTINGS = MaintainSettings()
LONG_AGO_S = time.time() - 8 * 86400


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path.as_uri(), create=True)


def put(root: Root, *names: str, age_s: float = LONG_AGO_S) -> Path:
    place = to_path(root.at(*names))
    root.storage.write(root.at(*names), b"12345678")
    os.utime(place, (age_s, age_s))
    return place


def plan(root: Root, batch: str, stage: str = "select") -> None:
    record(root, lambda log: Event(batch, "planned", stage, counts={"objects": 0}))


def test_sweep__staged_files_of_what_is_done_or_never_was_go(root: Root) -> None:
    plan(root, "open")
    plan(root, "done")
    commit(root, "done", "select", lambda log: Resolved([], {}))
    needed = [put(root, "staging", "open", "plan.parquet"), put(root, "staging", "open", "select", "v", "0.parquet")]
    young = put(root, "staging", "strange", "plan.parquet", age_s=time.time())
    gone = [
        put(root, "staging", "done", "select", "commit-1", "0.parquet"),
        put(root, "staging", "strange", "x.parquet"),
    ]
    told = sweep(root.uri, SETTINGS, dry_run=True)
    assert (told.files, told.byte_size) == (2, 16)
    assert all(path.exists() for path in [*needed, young, *gone])
    assert sweep(root.uri, SETTINGS) == told
    assert all(path.exists() for path in [*needed, young])
    assert not any(path.exists() for path in gone)
    assert sweep(root.uri, SETTINGS).files == 0


def test_sweep__a_commit_that_was_begun_keeps_its_files(root: Root) -> None:
    plan(root, "begun")
    record(root, lambda log: Event("begun", "committing", "select", counts={"final": "commit-1", "files": 1}))
    kept = put(root, "staging", "begun", "select", "commit-1", "000000.tags.parquet")
    assert sweep(root.uri, SETTINGS).files == 0
    assert kept.exists()


def test_sweep__frames_without_a_sample_go_once_no_batch_is_open(root: Root) -> None:
    sample = {
        "sample_id": make_id("a"),
        "uri": root.at("media", "video", "000000000.000-aaaaaaaa.jpg"),
        "batch_id": "b",
    }
    plan(root, "b", "ingest")
    kept, orphan = put(root, "media", "video", "000000000.000-aaaaaaaa.jpg"), put(root, "media", "video", "1-b.jpg")
    assert sweep(root.uri, SETTINGS).files == 0
    rows = pa.Table.from_pylist([sample], schema=SAMPLES.schema)
    commit(root, "b", "ingest", lambda log: Resolved([(SAMPLES, rows)], {}))
    for stage in ("dedupe", "embed", "compare"):
        commit(root, "b", stage, lambda log: Resolved([], {}))
    assert sweep(root.uri, SETTINGS).first == (root.at("media", "video", "1-b.jpg"),)
    assert kept.exists()
    assert not orphan.exists()


def test_sweep__manifests_go_once_their_batches_are_done(root: Root) -> None:
    done, waiting, never = (put(root, "manifests", "events", f"{name}.txt") for name in ("done", "waiting", "never"))
    for batch, place in (("done", done), ("one", waiting), ("two", waiting)):
        event = Event(batch, "planned", "ingest", place.as_uri(), {"objects": 0})
        record(root, lambda log, event=event: event)
    for batch in ("done", "one"):
        for stage in STAGES:
            commit(root, batch, stage, lambda log: Resolved([], {}))
    assert sweep(root.uri, SETTINGS).first == (done.as_uri(),)
    assert [place.exists() for place in (done, waiting, never)] == [False, True, True]
