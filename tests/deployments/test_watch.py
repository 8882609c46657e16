"""Listening to a queue and to a folder: which runs the server is asked for, whatever happens on the way."""

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments import lost
from deployments import watch_queue as listening
from deployments.batches import Desk, open_desk
from deployments.connect import Connection
from deployments.lost import LostRuns
from deployments.messages import Arrived
from deployments.queue import Queue, queue_of
from deployments.start import start_curate
from deployments.watch_folder import watch_folder
from deployments.watch_queue import watch_queue
from flows.settings import Settings, load_settings
from tasks.ingest.source import list_source
from tasks.store.errors import UsageError
from tasks.store.storage import key_uri, to_uri
from tests.buckets import Buckets
from tests.deployments.served import deploy, runs

KEYS = ["cam 1/a+b.jpg", "cam 1/ü 漢字.jpg", "cam 1/new\nline.jpg", "100%25/q?x=1#f.jpg", "plain.jpg", "d.JPEG"]


def settings_for(source: str, root: Path, **events: Any) -> Settings:
    quick = {"max_wait_s": 1, "visibility_s": 10, **events}
    name = f"w-{uuid.uuid4().hex[:8]}"
    return load_settings(None, {"source": source, "root": str(root), "service": {"name": name, "events": quick}})


def connected(s3: Buckets, root: Path, **events: Any) -> tuple[str, Settings, Queue]:
    """A bucket that tells a queue, and is told of nothing yet."""
    bucket = s3.make("landing")
    settings = settings_for(f"{bucket}", root, **events)
    Connection(bucket, settings, None, dry_run=False).make()
    return bucket, settings, queue_of(settings)


def listen(watch: Callable[[Desk], None], settings: Settings, until: Callable[[], bool], work: Any = None) -> None:
    """Listen until something is so; meanwhile work is done."""
    desk = open_desk(settings, None, threading.Event())

    def end() -> None:
        try:
            if work:
                work()
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not until():
                time.sleep(0.1)
        finally:
            desk.stop.set()

    ending = threading.Thread(target=end)
    ending.start()
    watch(desk)
    ending.join()


def empty(queue: Queue) -> bool:
    backlog = queue.backlog()
    return backlog.waiting == backlog.in_hand == 0


def named(sources: list[str], settings: Settings) -> list[str]:
    """All that manifests name."""
    listings = [list_source(one, settings.ingest.include, leave_out="file:///elsewhere") for one in sources]
    return sorted(uri for listing in listings for uri in listing.files["uri"].to_pylist())


def test_watch_queue__many_objects_are_one_run(
    s3: Buckets, server: Any, away: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, out of order, with a test event, deletions and other files, while the server is away at first."""
    bucket, settings, queue = connected(s3, tmp_path / "root", max_wait_s=2, heartbeat=str(tmp_path / "alive"))
    deploy(server, settings)
    for key in [*KEYS, KEYS[0], "notes.txt"]:
        s3.put(bucket, key, b"1")
    deleted = {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "b"}, "object": {"key": "plain.jpg"}}}
    queue._client.send_message(QueueUrl=queue.url, MessageBody=json.dumps({"Records": [deleted]}))
    away.faults.away_until = time.monotonic() + 4
    listen(watch_queue, settings, lambda: empty(queue))
    sources = runs(server, settings)
    assert len(sources) == 1
    assert named(sources, settings) == sorted(key_uri(bucket.removeprefix("s3://"), key) for key in KEYS)
    assert os.path.getmtime(tmp_path / "alive") > time.time() - 60


def test_watch_queue__killed_before_it_deletes_the_messages_come_again_and_the_run_does_not(
    s3: Buckets, server: Any, tmp_path: Path
) -> None:
    bucket, settings, queue = connected(s3, tmp_path / "root")
    deploy(server, settings)
    s3.put(bucket, "a.jpg", b"1")
    hand, desk = listening.Hand(), open_desk(settings, None, threading.Event())
    listening.gather(queue, hand, desk, desk.taker(), LostRuns(desk))
    first = desk.hand_over(hand.arrived)
    queue.keep(hand.messages, 0)
    listen(watch_queue, settings, lambda: empty(queue))
    assert len(runs(server, settings)) == 1
    assert desk.hand_over(hand.arrived).id == first.id
    again = desk.hand_over([Arrived(one.uri, "written again") for one in hand.arrived])
    assert again.id != first.id
    server.set_flow_run_state(again.id, state_of("Crashed"), force=True)
    third = desk.hand_over([Arrived(one.uri, "written again") for one in hand.arrived])
    assert third.id not in (first.id, again.id)


def test_lost_runs__are_started_again_so_often(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The automation of the server does it too, unless the server was away just then."""
    monkeypatch.setattr(lost, "EVERY_S", 0)
    monkeypatch.setattr(lost, "GRACE", -lost.GRACE)
    settings, looking = one_run(server, tmp_path)
    for count in range(1, settings.service.restarts + 4):
        looking.start_again()
        found = runs(server, settings)
        assert len(found) == min(count, settings.service.restarts + 1)
        server.set_flow_run_state(newest(server, settings), state_of("Crashed"), force=True)


def test_lost_runs__one_that_never_begins_is_scheduled_again(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost, "EVERY_S", 0)
    settings, looking = one_run(server, tmp_path)
    run = newest(server, settings)
    server.set_flow_run_state(run, state_of("Pending"), force=True)
    looking.start_again()
    assert server.read_flow_run(run).state.name == "Pending", "its worker may be at it"
    monkeypatch.setattr(lost, "GRACE", -timedelta(seconds=settings.service.starting_s + 60))
    looking.start_again()
    assert server.read_flow_run(run).state.name == "AwaitingRetry"
    assert len(runs(server, settings)) == 1


def one_run(server: Any, tmp_path: Path) -> tuple[Settings, LostRuns]:
    """A deployment that was handed one object, and what looks after its runs."""
    (tmp_path / "in").mkdir()
    settings = settings_for(str(tmp_path / "in"), tmp_path / "root")
    deploy(server, settings)
    desk = open_desk(settings, None, threading.Event())
    desk.hand_over([Arrived(f"{settings.source_uri}/a.jpg", "")])
    return settings, LostRuns(desk)


def newest(server: Any, settings: Settings) -> Any:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    mine = DeploymentFilter(name=DeploymentFilterName(any_=[settings.service.name]))
    found = server.read_flow_runs(deployment_filter=mine, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
    return found[0].id


def state_of(name: str) -> Any:
    from prefect import states

    return getattr(states, name)()


def test_watch_queue__a_message_that_nobody_understands_is_a_dead_letter(
    s3: Buckets, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "POISON_S", 0)
    bucket, settings, queue = connected(s3, tmp_path / "root", max_receives=2)
    deploy(server, settings)
    queue._client.send_message(QueueUrl=queue.url, MessageBody="no JSON")
    s3.put(bucket, "a.jpg", b"1")
    listen(watch_queue, settings, lambda: queue.backlog().dead == 1 and empty(queue))
    assert queue.backlog().dead == 1
    assert "is not understood" in caplog.text
    assert len(runs(server, settings)) == 1


def test_watch_queue__a_queue_that_somebody_deletes_is_waited_for(
    s3: Buckets, server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bucket, settings, queue = connected(s3, tmp_path / "root")
    deploy(server, settings)
    caplog.set_level(logging.INFO, "winnow.watch")

    def delete_and_connect() -> None:
        while "listening to" not in caplog.text:
            time.sleep(0.1)
        queue._client.delete_queue(QueueUrl=queue.url)
        while "There is no queue" not in caplog.text:
            time.sleep(0.1)
        Connection(bucket, settings, None, dry_run=False).make()
        s3.put(bucket, "a.jpg", b"1")

    listen(watch_queue, settings, lambda: len(runs(server, settings)) == 1, delete_and_connect)
    assert len(runs(server, settings)) == 1


def test_watch_folder__a_list_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.jpg\n")
    settings = settings_for(str(tmp_path / "list.txt"), tmp_path / "root")
    with pytest.raises(UsageError, match="list of files"):
        watch_folder(open_desk(settings, None, threading.Event()))


def test_watch_folder__takes_what_stands_still_once(server: Any, tmp_path: Path) -> None:
    folder, beside = tmp_path / "in", tmp_path / "beside" / "day"
    (folder / "root").mkdir(parents=True)
    beside.mkdir(parents=True)
    settings = settings_for(str(folder), folder / "root", settle_s=0.4)
    deploy(server, settings)
    (folder / "before.jpg").write_bytes(b"1")
    (beside / "moved.jpg").write_bytes(b"1")

    def write() -> None:
        while not runs(server, settings):
            time.sleep(0.1)
        with (folder / "slow ü.jpg").open("wb") as file:
            for _ in range(10):
                file.write(b"1" * 100)
                file.flush()
                time.sleep(0.1)
        (folder / ".hidden.jpg").write_bytes(b"1")
        (folder / "root" / "ours.jpg").write_bytes(b"1")
        (folder / "notes.txt").write_bytes(b"1")
        (folder / "gone.jpg").write_bytes(b"1")
        (folder / "gone.jpg").unlink()
        beside.rename(folder / "day")

    expected = sorted(to_uri(folder / name) for name in ("slow ü.jpg", "day/moved.jpg"))

    def taken() -> list[str]:
        return named([one for one in runs(server, settings) if one != to_uri(folder)], settings)

    listen(watch_folder, settings, lambda: taken() == expected, write)
    assert taken() == expected
    assert to_uri(folder) in runs(server, settings)


def test_queue__status_and_doctor_tell_of_it_and_wait_for_nothing(
    s3: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments import lag

    bucket, settings, queue = connected(s3, tmp_path / "root")
    assert lag.look_at_queue(settings) == {}
    s3.put(bucket, "a.jpg", b"1")
    events = {**settings.service.events.model_dump(), "queue": queue.place}
    settings = load_settings(None, {"source": bucket, "service.name": settings.service.name, "service.events": events})
    expected = {"name": queue.place, "waiting": 2, "in_hand": 0, "dead": 0}  # S3 begins with a test event
    assert lag.look_at_queue(settings) == {"queue": expected}
    assert [(one.what, one.fine) for one in lag.examine_service(settings)] == [("queue", True)]
    monkeypatch.setattr(lag, "PATIENCE_S", 0.5)
    s3.faults.delay_s = 2
    assert "no answer" in lag.look_at_queue(settings)["queue"]["trouble"]
    s3.faults.delay_s = 0
    queue._client.delete_queue(QueueUrl=queue.url)
    (finding,) = lag.examine_service(settings)
    assert (finding.fine, "winnow connect" in finding.told) == (False, True)


def test_desk__arrivals_wait_for_the_run_before_them_to_begin(server: Any, tmp_path: Path) -> None:
    """Else many small runs queue up behind a slow one."""
    (tmp_path / "in").mkdir()
    settings = settings_for(str(tmp_path / "in"), tmp_path / "root", max_wait_s=0.5)
    deploy(server, settings)
    first = start_curate(settings, "file:///first").id
    desk = open_desk(settings, None, threading.Event())
    desk.last = first
    assert not desk.is_due(time.monotonic())
    assert not desk.is_due(time.monotonic() - 1)
    assert desk.is_due(time.monotonic() - 3600)
    server.set_flow_run_state(first, state_of("Running"), force=True)
    desk._look_again = 0
    assert desk.is_due(time.monotonic() - 1)
