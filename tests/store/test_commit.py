"""The commit: all or nothing for readers, once however often it runs, safe among writers."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.store import commit as committing
from tasks.store import staging, tables, views
from tasks.store.commit import Resolved, commit, committed, roll_forward, staying
from tasks.store.errors import StagedAwayError
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import OBJECTS, SAMPLES
from tasks.store.schema_vectors import embeddings
from tasks.store.storage import to_path
from tasks.store.table import Table


def plan(root: Root, batch: str) -> None:
    record(root, lambda log: None if batch in log.batches else Event(batch, "planned", "ingest"))


def rows_of(batch: str, samples: list[str]) -> Iterator[tuple[Table, pa.Table]]:
    made = [{"sample_id": sample, "batch_id": batch, "phash": bytes(32), "ringhash": bytes(32)} for sample in samples]
    yield SAMPLES, pa.Table.from_pylist(made, schema=SAMPLES.schema)
    seen = [{"object_id": f"{batch}/{sample}", "batch_id": batch, "uri": sample, "version": "1", "pass": 0,
             "outcome": "sample", "sample_id": sample} for sample in samples]  # fmt: skip
    yield OBJECTS, pa.Table.from_pylist(seen, schema=OBJECTS.schema)


def resolving(batch: str, samples: list[str]) -> Any:
    return lambda _log: Resolved(rows_of(batch, samples), {"sample": len(samples)})


def versions(root: Root) -> dict[str, int]:
    opened = {name: tables.open_table(root, name) for name in root.table_names()}
    return {name: dataset.version for name, dataset in opened.items() if dataset is not None}


def test_commit__twice_is_once(root: Root) -> None:
    plan(root, "b")
    commit(root, "b", "ingest", resolving("b", ["x", "y"]))
    before = versions(root)
    commit(root, "b", "ingest", resolving("b", ["x", "y"]))
    assert versions(root) == before
    assert views.query(root, "SELECT * FROM samples").num_rows == 2


def test_commit__rows_are_not_visible_before_the_end(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(root, "b")
    monkeypatch.setattr(committing, "_finish", lambda root, event: event)
    commit(root, "b", "ingest", resolving("b", ["x"]))
    assert views.query(root, "SELECT * FROM samples").num_rows == 0
    monkeypatch.undo()
    roll_forward(root)
    assert views.query(root, "SELECT * FROM samples").num_rows == 1
    assert views.query(root, "SELECT * FROM objects WHERE outcome = 'sample'").num_rows == 1


def test_commit__goes_on_with_what_another_began(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(root, "a")
    plan(root, "b")
    monkeypatch.setattr(committing, "_finish", lambda root, event: event)
    commit(root, "a", "ingest", resolving("a", ["x"]))
    monkeypatch.undo()
    seen: list[list[str]] = []

    def resolve(log: Log) -> Resolved:
        seen.append(log.visible("ingest"))
        return Resolved(rows_of("b", ["y"]), {})

    commit(root, "b", "ingest", resolve)
    assert seen == [["a"]]
    assert read_log(root).visible("ingest") == ["a", "b"]


def test_commit__resolves_again_when_somebody_was_first(root: Root) -> None:
    plan(root, "a")
    plan(root, "b")
    calls: list[int] = []

    def resolve(log: Log) -> Resolved:
        calls.append(log.last)
        if len(calls) == 1:
            commit(root, "b", "ingest", resolving("b", ["y"]))
        return Resolved(rows_of("a", ["x"]), {})

    commit(root, "a", "ingest", resolve)
    assert len(calls) == 2
    assert read_log(root).visible("ingest") == ["b", "a"]


def test_commit__leaves_no_staged_files(root: Root) -> None:
    plan(root, "b")
    commit(root, "b", "ingest", resolving("b", ["x"]))
    assert staging.staged_uris(root, "b") == []


def test_commit__lost_final_rows_are_no_commit(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(root, "b")
    monkeypatch.setattr(committing, "_finish", lambda root, event: event)
    commit(root, "b", "ingest", resolving("b", ["x"]))
    monkeypatch.undo()
    to_path(staging.staged_uris(root, "b")[0]).unlink()
    with pytest.raises(StagedAwayError, match="only 1 are there"):
        roll_forward(root)
    assert committed(read_log(root), "b", "ingest") is None


def staged_with_thumbnails(root: Root) -> str:
    uri = staging.shard_uri(root, "b", "ingest", "v", 0)
    staging.write_rows(root, uri, pa.table({"thumbnail": [f"picture {number}".encode() for number in range(4)]}))
    return uri


def thumbnails_stay(uri: str, places: list[int]) -> Any:
    made = [{"sample_id": str(place), "phash": bytes(32), "ringhash": bytes(32)} for place in places]
    rows = pa.Table.from_pylist(made, schema=SAMPLES.schema).drop_columns("thumbnail")
    return lambda _log: Resolved([(SAMPLES, staying(rows, uri, pa.array(places)))], {})


def test_commit__columns_that_stayed_outlive_what_becomes_of_the_staged_file(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(root, "b")
    uri = staged_with_thumbnails(root)
    monkeypatch.setattr(committing, "_finish", lambda root, event: event)
    commit(root, "b", "ingest", thumbnails_stay(uri, [3, 1]))
    monkeypatch.undo()
    staging.write_rows(root, uri, pa.table({"thumbnail": [b"another"]}))
    roll_forward(root)
    dataset = tables.open_table(root, "samples")
    assert dataset is not None
    rows = dataset.to_table(columns=["sample_id", "thumbnail"]).to_pylist()
    assert {row["sample_id"]: row["thumbnail"] for row in rows} == {"3": b"picture 3", "1": b"picture 1"}
    assert staging.staged_uris(root, "b") == []


def test_commit__is_not_begun_where_staged_columns_are_gone(root: Root) -> None:
    plan(root, "b")
    uri = staged_with_thumbnails(root)
    to_path(uri).unlink()
    with pytest.raises(StagedAwayError, match="is missing"):
        commit(root, "b", "ingest", thumbnails_stay(uri, [0]))
    assert read_log(root).batches["b"].committing is None


def test_insert__drops_repeated_and_known_keys_and_makes_no_empty_version(root: Root) -> None:
    rows = pa.Table.from_pylist([{"sample_id": "x"}, {"sample_id": "x"}, {"sample_id": "y"}], schema=SAMPLES.schema)
    assert tables.insert(root, SAMPLES, rows) == 2
    before = versions(root)
    assert tables.insert(root, SAMPLES, rows) == 0
    assert versions(root) == before


def test_insert__of_vectors_keeps_them(root: Root) -> None:
    table = embeddings("tiny", 3)
    rows = pa.Table.from_pylist([{"sample_id": "x", "vector": [1.0, 0.5, 0.25]}], schema=table.schema)
    tables.insert(root, table, rows)
    dataset = tables.open_table(root, "embeddings_tiny")
    assert dataset is not None
    assert tables.matrix(dataset.to_table()["vector"]).tolist() == [[1.0, 0.5, 0.25]]


def _insert_same(place: str, _writer: int) -> None:
    root = open_root(place)
    for start in range(0, 200, 20):
        made = [{"sample_id": str(number)} for number in range(start, start + 20)]
        tables.insert(root, SAMPLES, pa.Table.from_pylist(made, schema=SAMPLES.schema))


@pytest.mark.parametrize("indexed", [False, True])
def test_insert__four_writers_of_the_same_keys_double_nothing(root: Root, indexed: bool) -> None:
    if indexed:
        tables.insert(root, SAMPLES, pa.Table.from_pylist([{"sample_id": "first"}], schema=SAMPLES.schema))
        dataset = tables.open_table(root, "samples")
        assert dataset is not None
        dataset.create_scalar_index("sample_id", "BTREE")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_insert_same, args=[root.uri, writer]) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    dataset = tables.open_table(root, "samples")
    assert dataset is not None
    keys = dataset.to_table(columns=["sample_id"])["sample_id"].to_pylist()
    assert len(keys) == len(set(keys)) == 200 + indexed


def test_read_rows__a_damaged_file_is_as_good_as_none(root: Root, tmp_path: Path) -> None:
    uri = staging.shard_uri(root, "b", "ingest", "v", 0)
    staging.write_rows(root, uri, pa.table({"a": list(range(5000))}))
    place = tmp_path / "root" / "staging" / "b" / "ingest" / "v" / "000000.parquet"
    content = bytearray(place.read_bytes())
    content[len(content) // 3] ^= 0xFF
    place.write_bytes(content)
    assert staging.read_rows(root, uri) is None


def test_committed__knows_only_what_is_done(root: Root) -> None:
    plan(root, "b")
    assert committed(read_log(root), "b", "ingest") is None
    assert committed(read_log(root), "nothing", "ingest") is None


def _insert_own(place: str, writer: int) -> None:
    tables.insert(open_root(place), SAMPLES, pa.Table.from_pylist([{"sample_id": str(writer)}], schema=SAMPLES.schema))


def test_insert__writers_that_race_to_make_a_table_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        for number in range(6):
            root = open_root(tmp_path / str(number), create=True)
            pool.starmap(_insert_own, [(root.uri, writer) for writer in range(4)], chunksize=1)
            dataset = tables.open_table(root, "samples")
            assert dataset is not None
            assert sorted(dataset.to_table(columns=["sample_id"])["sample_id"].to_pylist()) == list("0123")
            assert root.table_names() == ["samples"]
