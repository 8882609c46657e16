"""A root in a bucket: made once, locked by a lease, its tables made by one of many, its log appended to once."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.store import choices, lease, staging, tables
from tasks.store.errors import UsageError, WinnowError
from tasks.store.log import Event, append, read_log, record
from tasks.store.root import Root, locked, open_root
from tasks.store.schema import BATCHES, TABLES
from tests.buckets import KEY, SECRET, Buckets

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def place(s3: Buckets) -> str:
    """Where a root is to be made: a prefix with an odd name."""
    return f"{s3.make('root')}/odd ü+%41/r"


@pytest.fixture
def root(place: str) -> Root:
    return open_root(place, create=True)


def test_open_root__makes_one_and_opens_it_again(place: str) -> None:
    made = open_root(place, create=True, thumbnail_px=128)
    assert open_root(made.uri + "/") == made == open_root(place, create=True)
    assert made.thumbnail_px == 128


def test_open_root__refuses_what_is_something_else(s3: Buckets) -> None:
    bucket = s3.make()
    s3.put(bucket, "photos/holiday.jpg", b"1")
    with pytest.raises(UsageError, match="not empty"):
        open_root(f"{bucket}/photos", create=True)
    with pytest.raises(UsageError, match="There is no bucket"):
        open_root("s3://no-such-bucket-here/r", create=True)
    with pytest.raises(UsageError, match="winnow run"):
        open_root(f"{bucket}/nothing")
    with pytest.raises(UsageError, match="control character"):
        open_root(f"{bucket}/a\nb", create=True)
    assert list(s3.keys(bucket)) == ["photos/holiday.jpg"]
    s3.faults.refuse = lambda method, path: (403, "AccessDenied") if method == "PUT" else None
    with pytest.raises(UsageError, match="s3:PutObject"):
        open_root(f"{bucket}/new", create=True)


def run_in_processes(code: str, count: int, *arguments: str) -> list[str]:
    """Run code in several processes at once; what they print."""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, cwd=HOUSE)
        for _ in range(count)
    ]
    answers = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return answers


@pytest.mark.slow
def test_insert__of_many_makers_of_a_table_one_wins_and_nothing_is_lost(root: Root) -> None:
    code = """
import os, sys
import pyarrow as pa
from tasks.store import tables
from tasks.store.root import open_root
from tasks.store.schema import TABLES
rows = pa.Table.from_pylist(
    [{"sample_id": f"{os.getpid()}-{n}", "tag": "t", "tag_id": f"{os.getpid()}-{n}"} for n in range(5)],
    schema=TABLES["tags"].schema)
print(tables.insert(open_root(sys.argv[1]), TABLES["tags"], rows))
"""
    assert run_in_processes(code, 8, root.uri) == ["5\n"] * 8
    found = tables.open_table(root, "tags").to_table()
    assert len(found) == len(set(found["sample_id"].to_pylist())) == 40
    assert root.table_names() == ["tags"]


def test_insert__racing_makers_in_threads(root: Root) -> None:
    def insert(number: int) -> int:
        row = {"seq": number % 3, "batch_id": str(number), "event": "e", "stage": "s"}
        return tables.insert(root, BATCHES, pa.Table.from_pylist([row], BATCHES.schema))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(insert, range(6))) == 3
    assert sorted(tables.open_table(root, "batches").to_table()["seq"].to_pylist()) == [0, 1, 2]


def test_append__whose_answer_is_lost_is_still_appended(s3: Buckets, root: Root) -> None:
    record(root, lambda log: Event("b", "planned", "ingest") if not log.events else None)
    once = iter([True])
    s3.faults.lose = lambda method, path: method == "PUT" and "_versions" in path and next(once, False)
    assert append(root, read_log(root), Event("b", "committing", "ingest"))
    assert next(once, "used") == "used"
    assert [event.event for event in read_log(root).events] == ["planned", "committing"]
    stale = read_log(root)
    assert append(root, stale, Event("b", "committed", "ingest"))
    assert not append(root, stale, Event("b", "held", "dedupe"))


def test_faults__tables_lose_and_double_nothing(s3: Buckets, root: Root) -> None:
    s3.faults.unavailable, s3.faults.cut = 0.1, 0.1
    for number in range(12):
        row = {"tag_id": str(number), "sample_id": str(number), "tag": "x" * 2000}
        assert tables.insert(root, TABLES["tags"], pa.Table.from_pylist([row], schema=TABLES["tags"].schema)) == 1
    assert sorted(map(int, tables.open_table(root, "tags").to_table()["tag_id"].to_pylist())) == list(range(12))


def test_read_rows__a_bucket_that_fails_does_not_mean_that_a_file_is_missing(s3: Buckets, root: Root) -> None:
    uri = root.at("staging", "b", "plan.parquet")
    assert staging.read_rows(root, uri) is None
    staging.write_rows(root, uri, pa.table({"a": [1]}))
    assert staging.read_rows(root, uri) == pa.table({"a": [1]})
    s3.faults.refuse = lambda method, path: (403, "AccessDenied")
    with pytest.raises(WinnowError, match="cannot be read"):
        staging.read_rows(root, uri)


def test_choices__the_first_settles_it(root: Root) -> None:
    assert choices.settle(root, "a", lambda: 1) == choices.settle(root, "a", lambda: 2) == 1
    choices.revise(root, "a", 3, "why")
    assert choices.recall(root, "a") == 3


HOLD = """
import sys, time
from tasks.store import lease
from tasks.store.root import locked, open_root
lease.LEASE_S, lease.RENEW_S = map(float, sys.argv[2:4])
with locked(open_root(sys.argv[1]), "waiting"):
    print("in", flush=True)
    time.sleep(float(sys.argv[4]))
"""


def holder(root: Root, *numbers: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, root.uri, *map(str, numbers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HOUSE,
    )


def test_locked__another_process_waits_and_the_same_one_may_nest(root: Root) -> None:
    with locked(root), locked(root):
        other = holder(root, 20, 5, 0)
        assert other.stderr is not None
        assert other.stderr.readline() == "waiting\n"
        assert other.poll() is None
    assert other.communicate(timeout=60)[0] == "in\n"
    with locked(root):
        pass


def test_locked__renewed_as_long_as_its_holder_lives_and_anybodys_when_it_died(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_S", 1.5)
    other = holder(root, 1.5, 0.3, 5)
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    started = time.monotonic()
    with locked(root):
        assert time.monotonic() - started > 3
        assert other.wait(30) == 0
    dying = holder(root, 1.5, 0.3, 60)
    assert dying.stdout is not None
    dying.stdout.readline()
    dying.kill()
    dying.wait()
    started = time.monotonic()
    with locked(root):
        assert 1 < time.monotonic() - started < 20


def test_root__holds_no_credentials(s3: Buckets, root: Root, capfd: pytest.CaptureFixture[str]) -> None:
    with locked(root):
        record(root, lambda log: Event("b", "planned", "ingest") if not log.events else None)
        choices.settle(root, "a", lambda: 1)
    held = s3.keys("/".join(root.uri.split("/")[:3]))
    assert len(held) > 4
    for key, content in held.items():
        assert KEY.encode() not in content, key
        assert SECRET.encode() not in content, key
    assert SECRET not in json.dumps(capfd.readouterr())
    assert SECRET not in os.fspath(root.uri)
