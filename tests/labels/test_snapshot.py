"""Manifests of snapshots: what they say is what their hash is of."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.labels.snapshot import (
    MANIFEST,
    Snapshot,
    as_snapshot,
    manifest_uri,
    read_snapshot,
    with_header,
    write_manifest,
)
from tasks.store.commit import Resolved, commit
from tasks.store.errors import UsageError
from tasks.store.log import Event, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SNAPSHOTS

ROWS = [
    {"sample_id": "a", "annotation_id": "1", "value": '{"class":"\u6587"}', "side": "train", "group": "g"},
    {"sample_id": "b", "annotation_id": "2", "value": '{"class":"dog"}', "side": "test", "group": "h"},
]
SNAPSHOT = Snapshot("s", "pets", 1, "class", ("dog", "\u6587"), None, pa.Table.from_pylist(ROWS, schema=MANIFEST))


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path.as_uri(), create=True)


def committed(root: Root, snapshot: Snapshot) -> None:
    uri = write_manifest(root, snapshot)
    row = {"name": snapshot.name, "manifest_uri": uri, "manifest_hash": snapshot.hash, "created_at": datetime.now(UTC)}
    record(root, lambda log: Event(snapshot.name, "planned", "snapshot"))
    commit(
        root,
        snapshot.name,
        "snapshot",
        lambda log: Resolved([(SNAPSHOTS, pa.Table.from_pylist([row], schema=SNAPSHOTS.schema))], {}),
    )


def test_read_snapshot__is_what_was_committed(root: Root) -> None:
    committed(root, SNAPSHOT)
    found = read_snapshot(root, "s")
    assert found == replace(SNAPSHOT, rows=found.rows)
    assert found.rows.equals(SNAPSHOT.rows)
    assert found.hash == SNAPSHOT.hash


def test_hash__is_of_content_alone() -> None:
    again = replace(SNAPSHOT, name="t", parent="s", rows=SNAPSHOT.rows.take([1, 0]))
    assert (again.hash, again.test_hash) == (SNAPSHOT.hash, SNAPSHOT.test_hash)
    moved = SNAPSHOT.rows.set_column(3, "side", pa.array(["test", "test"]))
    assert replace(SNAPSHOT, rows=moved).hash != SNAPSHOT.hash
    assert replace(SNAPSHOT, rows=moved).test_hash != SNAPSHOT.test_hash
    reviewed = SNAPSHOT.rows.set_column(1, "annotation_id", pa.array(["1", "3"]))
    assert replace(SNAPSHOT, rows=reviewed).hash != SNAPSHOT.hash
    assert replace(SNAPSHOT, rows=reviewed).test_hash == SNAPSHOT.test_hash
    doubted = SNAPSHOT.rows.set_column(2, "value", pa.array([ROWS[0]["value"], '{"class":"\u6587"}']))
    assert replace(SNAPSHOT, rows=doubted).test_hash != SNAPSHOT.test_hash
    trained = SNAPSHOT.rows.set_column(2, "value", pa.array(['{"class":"dog"}', '{"class":"dog"}']))
    assert replace(SNAPSHOT, rows=trained).hash != SNAPSHOT.hash
    assert replace(SNAPSHOT, rows=trained).test_hash == SNAPSHOT.test_hash


def test_with_header__round_trip_keeps_everything() -> None:
    found = as_snapshot(with_header(SNAPSHOT))
    assert replace(found, rows=SNAPSHOT.rows) == SNAPSHOT
    assert found.rows.equals(SNAPSHOT.rows)


def test_read_snapshot__what_is_gone_or_changed_is_told(root: Root) -> None:
    with pytest.raises(UsageError, match="no snapshot 's'"):
        read_snapshot(root, "s")
    committed(root, SNAPSHOT)
    write_manifest(root, replace(SNAPSHOT, rows=SNAPSHOT.rows.slice(0, 1)))
    with pytest.raises(UsageError, match="another one than was committed"):
        read_snapshot(root, "s")
    root.storage.write(manifest_uri(root, "s"), b"PAR1")
    with pytest.raises(UsageError, match="gone or damaged"):
        read_snapshot(root, "s")
