"""New objects of a bucket, with real processes: a few runs take all, and kill -9 anywhere loses and doubles nothing."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.dedupe.find import DEFAULT_RADIUS, DEFAULT_TURNED_RADIUS, UNSURE
from tests.buckets import Buckets
from tests.deployments.chaos import Service, wait_until
from tests.made import jpeg, photograph
from tests.pipeline import curate, doubled_keys, rows, settings_for

ROUNDS = int(os.environ.get("WINNOW_CHAOS_ROUNDS", "3"))
OLD = int(os.environ.get("WINNOW_BACKFILL_OBJECTS", "5000"))
SEED = int(os.environ.get("WINNOW_CHAOS_SEED", "7"))


@pytest.fixture
def service(s3: Buckets, tmp_path: Path) -> Iterator[Service]:
    """A service that listens to a bucket."""
    made = Service(s3.make("landing"), tmp_path, ingest={"shard_size": 16})
    try:
        made.begin()
        yield made
    finally:
        made.end()


def picture(number: int) -> tuple[str, bytes]:
    """A key and its bytes: photographs, copies, near-copies, broken ones."""
    content = jpeg(photograph(number % 7 if number % 5 == 4 else number), 80 if number % 10 == 4 else 92)
    return f"in/cam {number % 3}/ü+{number:04d} %.jpg", content[:300] if number % 11 == 10 else content


def found(settings: Any) -> dict[str, Any]:
    """What is the same in whatever order objects arrive."""
    return {
        "objects": rows(
            settings, "SELECT object_id, uri, content_id, outcome = 'reject' AS bad FROM objects ORDER BY object_id"
        ),
        "samples": rows(settings, "SELECT sample_id, phash FROM samples ORDER BY sample_id"),
    }


def check(service: Service, place: Path, count: int, *also: str) -> None:
    """The same as a calm run; a final outcome each; no key doubled; every duplicate within the radius of a kept one."""
    settings = service.settings
    for source in (str(settings.source), *also):
        calm = settings_for(Path("calm"), place / "calm").model_copy(update={"source": source})
        curate(calm)
    assert found(settings) == found(calm)
    assert rows(settings, "SELECT count(*) AS n FROM objects") == [{"n": count}]
    assert doubled_keys(settings) == {}
    near = rows(settings, "SELECT max(distance) AS most FROM duplicates WHERE kind = 'perceptual'")[0]["most"] or 0
    assert near <= max(DEFAULT_RADIUS + UNSURE, DEFAULT_TURNED_RADIUS)
    lost = "SELECT * FROM duplicates WHERE kept_id NOT IN (SELECT sample_id FROM kept)"
    assert rows(settings, lost) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_service__two_hundred_photographs_are_a_few_runs(s3: Buckets, service: Service, tmp_path: Path) -> None:
    for number in range(200):
        s3.put(service.settings.source_uri.removesuffix("/in"), *picture(number))
    last = time.monotonic()
    wait_until(lambda: bool(service.runs()), 300)
    print(f"a run {time.monotonic() - last:.0f} s after the last put")
    wait_until(lambda: service.final() == 200, 900)
    print(f"{len(service.runs())} runs, all in tables {time.monotonic() - last:.0f} s after the last put")
    assert len(service.runs()) < 10
    check(service, tmp_path, 200)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_service__chaos(s3: Buckets, service: Service, tmp_path: Path) -> None:
    """WINNOW_CHAOS_ROUNDS rounds; in each some objects arrive, and something is killed at a random instant."""
    chance = random.Random(SEED)
    bucket, count, killed = service.settings.source_uri.removesuffix("/in"), 0, []
    for _ in range(ROUNDS):
        for _ in range(chance.randrange(4, 12)):
            s3.put(bucket, *picture(count))
            count += 1
            time.sleep(chance.uniform(0, 1))
        time.sleep(chance.uniform(0, 20))
        killed.append(chance.choice(["listener", "worker", "flow", "server"]))
        service.kill(killed[-1])
    wait_until(lambda: service.final() == count, 1800)
    print(f"{ROUNDS} rounds, killed {killed}, {count} objects, {len(service.runs())} runs")
    check(service, tmp_path, count)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_service__a_backfill_is_cancelled_and_goes_on_while_fresh_objects_pass_it_by(
    s3: Buckets, service: Service, tmp_path: Path
) -> None:
    """Five chunks of WINNOW_BACKFILL_OBJECTS objects."""
    bucket = service.settings.source_uri.removesuffix("/in")
    s3.fill(bucket, {key.replace("in/", "old/"): content for key, content in map(picture, range(OLD))})
    command = ["backfill", f"{bucket}/old", "--chunk", str(OLD // 5), "--parallel", "2"]
    told = service.winnow(*command, "--no-follow")
    assert f"{OLD:,} objects in 5 chunks" in told
    wait_until(lambda: service.final() >= OLD // 5, 1800)
    cancelled = service.winnow("backfill", "--cancel")
    wait_until(lambda: not any(run.state.is_running() for run in service.runs()), 300)
    done = service.final()
    again = service.winnow(*command, "--no-follow")
    for number in range(10):
        s3.put(bucket, *picture(OLD + number))
    fresh = f"SELECT count(*) AS n FROM objects WHERE uri LIKE '{bucket}/in/%' AND outcome <> 'pending'"
    wait_until(lambda: rows(service.settings, fresh)[0]["n"] == 10, 1800)
    passed = service.final()
    wait_until(lambda: service.final() == OLD + 10, 3600)
    print(
        f"{cancelled.strip()} {done} were done; then: {again.splitlines()[-2]}; fresh ones were in with {passed} of all"
    )
    assert done < OLD
    assert passed < OLD + 10, "fresh objects do not wait for the backfill"
    check(service, tmp_path, OLD + 10, f"{bucket}/old")
