"""The batch log: one sequence that many writers agree on, and what it says of a batch."""

import multiprocessing
from pathlib import Path

from tasks.store.log import Event, append, read_log, record
from tasks.store.root import Root, open_root


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
