"""Planning a backfill: chunks of what is not known, and going on after it was stopped anywhere."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deployments.backfill import Asked, Backfill, Chunk, plan_backfill
from flows.settings import Settings
from tasks.ingest.manifest import names_in
from tasks.ingest.plan import plan
from tasks.store.errors import UsageError
from tasks.store.storage import to_uri
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, doubled_keys, opened, rows, settings_for


@pytest.fixture
def settings(maker: Maker, tmp_path: Path) -> Settings:
    """Of a root that is not there yet."""
    return settings_for(maker.folder, tmp_path / "root")


def planned(settings: Settings, chunk: int = 4, dry_run: bool = False, **asked: object) -> Backfill:
    return plan_backfill(settings, Asked(settings.source_uri, chunk=chunk, **asked), dry_run=dry_run)  # type: ignore[arg-type]


def sizes(backfill: Backfill) -> list[int]:
    return [chunk.objects for chunk in backfill.chunks]


def take(settings: Settings, chunk: Chunk) -> None:
    """As a run of the chunk does it: planned first, then read apart from the lock, then committed."""
    from flows.curate import curate as flow

    part = settings.model_copy(update={"source": chunk.manifest})
    flow.fn(part, plan(opened(settings), part.source_uri, part.ingest, part.frozen()))


def test_a_chunk__is_read_while_another_run_holds_the_lock(settings: Settings, maker: Maker) -> None:
    maker.photographs(3)
    chunk = planned(settings).chunks[0]
    lock = Path(settings.root) / ".lock"
    holding = f"import filelock, sys; filelock.FileLock({str(lock)!r}).acquire(); print(flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    run = threading.Thread(target=take, args=(settings, chunk))
    run.start()
    deadline = time.monotonic() + 60
    while not list(Path(settings.root).glob("staging/*/ingest/*/000000.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert rows(settings, "SELECT outcome, count(*) AS n FROM objects GROUP BY ALL") == [{"outcome": "pending", "n": 3}]
    other.communicate(b"")
    run.join(60)
    assert rows(settings, "SELECT outcome, count(*) AS n FROM objects GROUP BY ALL") == [{"outcome": "sample", "n": 3}]


def test_plan_backfill__goes_on_where_it_was_stopped(settings: Settings, maker: Maker) -> None:
    maker.photographs(10)
    assert sizes(planned(settings, dry_run=True)) == [4, 4, 2]
    assert not Path(settings.root).exists()
    first = planned(settings)
    assert (sizes(first), first.known, first.again) == ([4, 4, 2], 0, False)
    assert [uri for chunk in first.chunks for uri in names_in(str(chunk.manifest))] == sorted(
        to_uri(place) for place in maker.folder.rglob("*.jpg")
    )
    take(settings, first.chunks[1])
    maker.photographs(1, first=100)  # the boundaries stay what they are
    again = planned(settings)
    assert (again.chunks, again.again, again.known) == ([first.chunks[0], first.chunks[2]], True, 4)
    for chunk in again.chunks:
        take(settings, chunk)
    rest = planned(settings)
    assert (sizes(rest), rest.known, rest.again) == ([1], 10, False)
    take(settings, rest.chunks[0])
    assert planned(settings).chunks == []
    assert rows(settings, "SELECT count(*) AS n, count(DISTINCT uri) AS uris FROM objects") == [{"n": 11, "uris": 11}]
    assert doubled_keys(settings) == {}


def test_plan_backfill__takes_what_changed_in_a_time(settings: Settings, maker: Maker) -> None:
    for day, place in enumerate(maker.photographs(4), 1):
        os.utime(place, (1_767_225_600 + day * 86_400,) * 2)  # 2026-01-02 and so on, midnight UTC
    assert planned(settings, dry_run=True, since="2026-01-03", until="2026-01-05").objects == 2
    assert planned(settings, dry_run=True, since="2026-01-03T01:00+01:00").objects == 3
    assert planned(settings, dry_run=True, until="2026-01-02").chunks == []
    with pytest.raises(UsageError, match="no time"):
        planned(settings, since="yesterday")


def test_plan_backfill__by_force_opens_rejects_again_each_time(settings: Settings, maker: Maker) -> None:
    maker.photographs(2)
    maker.write("broken.jpg", jpeg(photograph(1))[:300])
    curate(settings)
    assert planned(settings).chunks == []
    for passes in (1, 2):
        opened = planned(settings, force=True)
        assert (sizes(opened), opened.known) == ([1], 3)
        assert planned(settings, force=True).chunks == opened.chunks
        take(settings, opened.chunks[0])
        found = rows(settings, "SELECT outcome, pass FROM objects ORDER BY outcome")
        assert found == [{"outcome": "reject", "pass": passes}, *[{"outcome": "sample", "pass": 0}] * 2]
