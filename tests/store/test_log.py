"""The batch log: one sequence that many writers agree on, and what it says of a batch."""

import dataclasses
import multiprocessing
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.store import tables
from tasks.store.log import Event, append, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import GATES


def _write_events(place: str, writer: int) -> None:
    root = open_root(place)
    for number in range(5):
        record(root, lambda _log, number=number: Event(f"b-{writer}-{number}", "planned", "ingest"))


def test_record__many_writers_give_one_gapless_sequence(root: Root, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_events, args=[root.uri, writer]) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = read_log(root)
    assert [event.seq for event in log.events] == list(range(1, 21))
    assert len(log.batches) == 20


def test_append__behind_an_old_log_is_refused(root: Root) -> None:
    old = read_log(root)
    assert append(root, old, Event("a", "planned", "ingest"))
    assert not append(root, old, Event("b", "planned", "ingest"))
    assert [event.batch_id for event in read_log(root).events] == ["a"]


def _log_of(root: Root, *events: tuple[str, str]) -> None:
    for event, stage in events:
        record(root, lambda _log, event=event, stage=stage: Event("b", event, stage))  # type: ignore[misc]


def test_next_stage__follows_the_commits(root: Root) -> None:
    _log_of(root, ("planned", "ingest"))
    assert read_log(root).batches["b"].next_stage == "ingest"
    _log_of(root, ("committing", "ingest"))
    assert read_log(root).batches["b"].committing is not None
    _log_of(root, ("committed", "ingest"), ("committed", "dedupe"))
    assert read_log(root).batches["b"].committing is None
    assert read_log(root).batches["b"].next_stage == "embed"
    _log_of(root, ("committed", "embed"))
    assert read_log(root).batches["b"].next_stage == "compare"
    _log_of(root, ("committed", "compare"))
    assert read_log(root).open_batches == []


def test_next_stage__what_is_embedded_again_is_not_compared_again(root: Root) -> None:
    _log_of(root, ("planned", "embed"), ("committed", "embed"))
    assert read_log(root).open_batches == []


def test_held__until_somebody_decides(root: Root) -> None:
    _log_of(root, ("planned", "ingest"), ("held", "ingest"))
    assert read_log(root).batches["b"].held is not None
    _log_of(root, ("released", "ingest"))
    batch = read_log(root).batches["b"]
    assert batch.held is None
    assert batch.released
    _log_of(root, ("committed", "ingest"), ("held", "dedupe"))
    batch = read_log(root).batches["b"]
    assert batch.held is not None
    assert not batch.released


def test_discarded__at_ingest_still_commits_its_rejects(root: Root) -> None:
    _log_of(root, ("planned", "ingest"), ("held", "ingest"), ("discarded", "ingest"))
    assert read_log(root).batches["b"].next_stage == "ingest"
    _log_of(root, ("committed", "ingest"))
    assert read_log(root).batches["b"].next_stage is None
    assert read_log(root).visible("ingest") == []


def test_discarded__later_ends_the_batch(root: Root) -> None:
    _log_of(root, ("planned", "ingest"), ("committed", "ingest"), ("held", "dedupe"), ("discarded", "dedupe"))
    assert read_log(root).batches["b"].next_stage is None
    assert read_log(root).visible("ingest") == []


def test_read_log__reads_the_rows_once_a_version(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    import lance

    _log_of(root, ("planned", "ingest"))
    reads: list[str] = []
    real = lance.LanceDataset.to_table

    def to_table(dataset: Any) -> Any:
        reads.append(dataset.uri)
        return real(dataset)

    monkeypatch.setattr(lance.LanceDataset, "to_table", to_table)
    first = [read_log(root) for _ in range(10)]
    assert len(reads) <= 1
    _log_of(root, ("committing", "ingest"))
    assert read_log(root).batches["b"].committing is not None
    assert first[0].batches["b"].committing is None
    assert len(reads) <= 2


def test_read_log__another_root_at_the_same_place_is_another_log(tmp_path: Path) -> None:
    for name in ("a", "b"):
        root = open_root(tmp_path / "root", create=True)
        record(root, lambda _log, name=name: Event(name, "planned", "ingest"))
        assert list(read_log(root).batches) == [name]
        shutil.rmtree(tmp_path / "root")


def test_read_log__nobody_can_change_what_all_share(root: Root) -> None:
    _log_of(root, ("planned", "ingest"))
    log = read_log(root)
    assert isinstance(log.events, tuple)
    assert isinstance(log.batches["b"].events, tuple)
    with pytest.raises(TypeError):
        log.batches["c"] = log.batches["b"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        log.events = ()  # type: ignore[misc]


def _fragments(root: Root, table: str) -> int:
    dataset = tables.open_table(root, table)
    return len(dataset.get_fragments()) if dataset else 0


def test_append__keeps_the_log_in_few_fragments(root: Root) -> None:
    for number in range(tables.MOST_FRAGMENTS + 6):
        record(root, lambda _log, number=number: Event(f"b-{number}", "planned", "ingest"))
    assert _fragments(root, "batches") <= 6
    assert [event.seq for event in read_log(root).events] == list(range(1, tables.MOST_FRAGMENTS + 7))


def test_insert__keeps_the_verdicts_in_few_fragments(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_FRAGMENTS", 4)
    for number in range(20):
        made = {"gate_id": str(number), "subject": "b", "judged_at": datetime.now(UTC)}
        assert tables.insert(root, GATES, pa.Table.from_pylist([made], schema=GATES.schema)) == 1
    dataset = tables.open_table(root, "gates")
    assert dataset is not None
    assert dataset.count_rows() == 20
    assert _fragments(root, "gates") <= 4


def _write_and_compact(place: str, writer: int) -> None:
    tables.MOST_FRAGMENTS = 1
    _write_events(place, writer)


def test_append__many_writers_that_compact_give_one_gapless_sequence(root: Root) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_and_compact, args=[root.uri, writer]) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    log = read_log(root)
    assert [event.seq for event in log.events] == list(range(1, 21))
    assert len(log.batches) == 20
    dataset = tables.open_table(root, "batches")
    assert dataset is not None
    assert dataset.count_rows() == 20


def test_insert__a_lost_race_to_compact_is_no_error(root: Root) -> None:
    _log_of(root, ("planned", "ingest"), ("committing", "ingest"), ("committed", "ingest"))
    first, second = (tables.open_table(root, "batches") for _ in range(2))
    for dataset in (first, second):
        tables.compact(root, dataset)
    assert _fragments(root, "batches") == 1
