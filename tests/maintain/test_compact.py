"""Compacting beside writers: no row is lost, none is doubled, and there are fewer files."""

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.maintain.compact import Compacted, compact_tables
from tasks.maintain.settings import MaintainSettings
from tasks.store import tables
from tasks.store.commit import write
from tasks.store.root import Root, open_root
from tasks.store.schema import TAGS

AT_ONCE = MaintainSettings(keep_versions_days=0, index_from_rows=1)
BESIDE_OTHERS = MaintainSettings(keep_versions_days=5 / 86400, index_from_rows=1)
INSERTS, ROWS = 25, 4


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path.as_uri(), create=True)


def tags(first: int) -> pa.Table:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    rows = [
        {"tag_id": f"t{number}", "sample_id": f"s{number}", "created_at": now} for number in range(first, first + ROWS)
    ]
    return pa.Table.from_pylist(rows, schema=TAGS.schema)


def insert_all(root: str, first: int) -> int:
    """A writer: 25 inserts of four rows each, two of which its neighbour inserts as well."""
    opened = open_root(root)
    return sum(write(opened, TAGS.name, tags(first + 2 * insert)) for insert in range(INSERTS))


def one(done: list[Compacted]) -> Compacted:
    (compacted,) = done
    return compacted


def test_compact_tables__beside_writers_no_row_is_lost_or_doubled(root: Root) -> None:
    write(root, TAGS.name, tags(0))
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        writers = [pool.submit(insert_all, root.uri, first) for first in (0, 0, 30)]
        while not all(writer.done() for writer in writers):
            compact_tables(root.uri, BESIDE_OTHERS)
        inserted = sum(writer.result() for writer in writers)
    dataset = tables.open_table(root, TAGS.name)
    assert dataset is not None
    keys = dataset.to_table(columns=["tag_id"])["tag_id"].to_pylist()
    last = 30 + 2 * (INSERTS - 1) + ROWS
    assert sorted(keys) == sorted(f"t{number}" for number in range(last))
    assert inserted == last - ROWS


def test_compact_tables__leaves_one_file_and_an_index_that_reads_use(root: Root) -> None:
    insert_all(root.uri, 0)
    before = one(compact_tables(root.uri, AT_ONCE, dry_run=True))
    assert (before.files_before, before.files) == (INSERTS, 1)
    dataset = tables.open_table(root, TAGS.name)
    assert dataset is not None
    assert len(dataset.get_fragments()) == INSERTS
    done = one(compact_tables(root.uri, AT_ONCE))
    assert (done.files_before, done.files, done.rows) == (INSERTS, 1, before.rows)
    assert (done.versions, before.versions) == (1, 1)
    dataset = tables.open_table(root, TAGS.name)
    assert dataset is not None
    assert "ScalarIndexQuery" in dataset.scanner(filter="tag_id = 't3'").explain_plan()
    write(root, TAGS.name, tags(500))
    again = one(compact_tables(root.uri, AT_ONCE))
    assert (again.rows, again.files) == (done.rows + ROWS, 1)


def test_compact_tables__younger_versions_stay_for_whoever_reads_them(root: Root) -> None:
    insert_all(root.uri, 0)
    dataset = tables.open_table(root, TAGS.name)
    assert dataset is not None
    rows = dataset.count_rows()
    compact_tables(root.uri, MaintainSettings())
    assert len(dataset.to_table()) == rows
    assert one(compact_tables(root.uri, MaintainSettings(), dry_run=True)).versions > INSERTS
