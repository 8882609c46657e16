"""Buckets as storage: any key, exactly one version, one winner, patience, and a sentence for every mistake."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.store import patience
from tasks.store.bucket import LARGE_BYTES, Bucket
from tasks.store.errors import Unreachable, UsageError
from tasks.store.storage import Entry, key_uri, read_ahead, storage_for, to_key, to_uri, write_all
from tests.buckets import KEY, SECRET, Buckets

ODD_KEYS = [
    "plain.jpg", "100%25.jpg", "with space.jpg", "ü/çödé 漢字.jpg", "e\u0301.jpg", "a\nb.jpg", "\r\n.jpg", "tab\t.jpg",
    "/first.jpg",     "a//b.jpg", "a/../b.jpg", "../up.jpg", "./here.jpg", "100%.jpg", "q?x=1#f.jpg", "plus+.jpg",
    "<&>\"'.jpg",    "back\\slash.jpg", "trailing.jpg ", "*~:;,=@$!.jpg", "😀.jpg", "k" * 1020 + ".jpg",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "LONGEST_PAUSE_S", 0.3)
    yield


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_to_uri__any_key_comes_back(key: str) -> None:
    uri = key_uri("bucket", key)
    assert to_key(uri) == ("bucket", key)
    assert to_uri(uri) == uri.rstrip("/")


@pytest.mark.parametrize("spelt", ["s3://b/a b/c", "s3://b/a%20b/c", "s3://b/a b/c/"])
def test_to_uri__one_prefix_has_one_spelling(spelt: str) -> None:
    assert to_uri(spelt) == "s3://b/a%20b/c"


@pytest.mark.parametrize("wrong", [f"s3://{KEY}:{SECRET}@b/x", "s3://", "s3:///x"])
def test_to_uri__what_names_no_bucket_is_refused_and_no_secret_repeated(wrong: str) -> None:
    with pytest.raises(UsageError) as told:
        to_uri(wrong)
    assert SECRET not in str(told.value)


def test_list_and_read__odd_keys(s3: Buckets) -> None:
    bucket = s3.make()
    for key in ODD_KEYS:
        s3.put(bucket, key, key.encode())
    found = list(Bucket().list(bucket))
    assert sorted(to_key(entry.uri)[1] for entry in found) == sorted(ODD_KEYS)
    for entry in found:
        assert Bucket().read(entry.uri, entry.version).decode() == to_key(entry.uri)[1]
        assert Bucket().stat(entry.uri) == entry


def test_list__below_a_prefix_without_markers_and_what_is_left_out(s3: Buckets) -> None:
    bucket = s3.make()
    for key in ("p/a", "p/dataset/b", "p/datasets/c", "p/", "p/d/", "pp/e", "q"):
        s3.put(bucket, key, b"" if key.endswith("/") else b"1")
    assert keys(f"{bucket}/p", f"{bucket}/p/dataset") == ["p/a", "p/datasets/c"]
    assert keys(f"{bucket}/p", "s3://elsewhere/p/dataset") == ["p/a", "p/dataset/b", "p/datasets/c"]
    assert keys(bucket) == ["p/a", "p/dataset/b", "p/datasets/c", "pp/e", "q"]
    assert sorted(Bucket().names(f"{bucket}/p")) == ["a", "d", "dataset", "datasets"]


def test_list__thousands_of_keys_in_parts(s3: Buckets) -> None:
    bucket = s3.make()
    made = [f"{'deep/' * (number % 3)}{number % 40:02d}/{number:05d}" for number in range(2300)] + ["deep/aside/x"]
    made += [f"deep/left out/{number}" for number in range(1200)]
    s3.fill(bucket, dict.fromkeys(made, b"1"))
    s3.seen.clear()
    assert keys(bucket, f"{bucket}/deep/left%20out") == sorted(key for key in made if "left out" not in key)
    assert len(s3.seen) < 120


def keys(uri: str, leave_out: str | None = None) -> list[str]:
    return sorted(to_key(entry.uri)[1] for entry in Bucket().list(uri, leave_out))


def test_read__says_why_not(s3: Buckets) -> None:
    bucket = s3.make()
    s3.put(bucket, "a", b"one")
    version = Bucket().stat(f"{bucket}/a").version
    s3.put(bucket, "a", b"another")
    s3.put(bucket, "cold", b"1", StorageClass="GLACIER")
    assert reason(f"{bucket}/a", version) == "changed"
    assert reason(f"{bucket}/gone") == "not_found"
    assert reason("s3://no-such-bucket-here/gone") == "not_found"
    assert reason(f"{bucket}/cold") == "archived"
    s3.faults.refuse = lambda method, path: (403, "AccessDenied")
    assert reason(f"{bucket}/a") == "permission"
    s3.faults.refuse = lambda method, path: (418, "Teapot")
    assert reason(f"{bucket}/a") == "io_error"


def reason(uri: str, version: str | None = None) -> str:
    with pytest.raises(Unreachable) as told:
        Bucket().read(uri, version)
    return told.value.reason


def test_local_copy__is_whole_and_goes_on_where_it_broke_off(s3: Buckets) -> None:
    bucket = s3.make()
    content = random.Random(1).randbytes(3 * 2**20)
    s3.put(bucket, "film.mp4", content)
    version = Bucket().stat(f"{bucket}/film.mp4").version
    s3.faults.cut = 0.4
    for asked in (version, None) * 5:
        with Bucket().local_copy(f"{bucket}/film.mp4", asked) as file:
            assert file.read() == content
    statuses = {status for method, path, status in s3.seen if method == "GET" and path.endswith("film.mp4")}
    assert 206 in statuses
    s3.put(bucket, "film.mp4", b"another")
    with pytest.raises(Unreachable, match="changed"), Bucket().local_copy(f"{bucket}/film.mp4", version):
        pass


@pytest.mark.parametrize(("whole", "often"), [(False, 2 * patience.ATTEMPTS), (True, 3)])
def test_local_copy__breaks_off_at_every_answer_and_gets_there(s3: Buckets, whole: bool, often: int) -> None:
    bucket = s3.make()
    content = random.Random(2).randbytes(3 * 2**20)
    s3.put(bucket, "film.mp4", content)
    s3.faults.cut, s3.faults.whole = 1.0, whole
    asked: list[str] = []

    def mend(method: str, path: str) -> None:
        asked.append(method)
        if len(asked) > often:
            s3.faults.cut = 0.0

    s3.faults.refuse = mend
    with Bucket().local_copy(f"{bucket}/film.mp4") as file:
        assert file.read() == content


def test_create__exactly_one_of_many_writers_wins(s3: Buckets) -> None:
    uri = f"{s3.make()}/choice"
    won: list[int] = []

    def attempt(number: int) -> None:
        if Bucket().create(uri, str(number).encode()):
            won.append(number)

    together([threading.Thread(target=attempt, args=[number]) for number in range(16)])
    assert len(won) == 1
    assert Bucket().read(uri) == str(won[0]).encode()


def together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_create__whose_answer_is_lost_is_still_won(s3: Buckets) -> None:
    bucket = s3.make()
    once = iter([True])
    s3.faults.lose = lambda method, path: method == "PUT" and next(once, False)
    assert Bucket().create(f"{bucket}/mine", b"mine")
    assert [status for method, path, status in s3.seen if "mine" in path and method == "PUT"] == [412]
    assert not Bucket().create(f"{bucket}/mine", b"theirs")


def test_write__large_contents_in_parts(s3: Buckets) -> None:
    bucket = s3.make()
    content = bytes(range(256)) * (LARGE_BYTES // 256) + b"more"
    for name, part in (("large", content), ("small", b"small")):
        Bucket().write(f"{bucket}/{name}", memoryview(part))
        assert Bucket().read(f"{bucket}/{name}") == part
    assert len([path for method, path, _ in s3.seen if method == "PUT" and "partNumber" in path]) > 1


def test_copy__is_one_of_its_own(s3: Buckets) -> None:
    bucket = s3.make()
    s3.put(bucket, "a b+%25.jpg", b"1")
    (found,) = Bucket().list(bucket)
    Bucket().copy(found.uri, f"{bucket}/c/d")
    Bucket().write(found.uri, b"2")
    assert Bucket().read(f"{bucket}/c/d") == b"1"
    with pytest.raises(Unreachable):
        Bucket().copy(f"{bucket}/nothing", f"{bucket}/c/e")


def test_delete__one_and_all_below_and_nothing(s3: Buckets) -> None:
    bucket = s3.make()
    s3.fill(bucket, dict.fromkeys([f"a/{number}" for number in range(1100)] + ["a", "ab/c"], b"1"))
    Bucket().delete(f"{bucket}/a")
    Bucket().delete(f"{bucket}/nothing")
    assert keys(bucket) == ["ab/c"]


def test_faults__lose_nothing(s3: Buckets) -> None:
    bucket = s3.make()
    s3.fill(bucket, dict.fromkeys([f"{number % 7}/{number}" for number in range(1500)], b"1"))
    s3.faults.unavailable, s3.faults.cut = 0.2, 0.1
    assert len(keys(bucket)) == 1500
    contents = {f"{bucket}/w/{number}": str(number).encode() * 1000 for number in range(60)}
    write_all(contents)
    with ThreadPoolExecutor(8) as pool:
        assert dict(zip(contents, pool.map(Bucket().read, contents), strict=True)) == contents
    Bucket().delete(f"{bucket}/w")
    assert len(keys(bucket)) == 1500


def test_faults__an_outage_is_waited_for(s3: Buckets) -> None:
    bucket = s3.make()
    s3.put(bucket, "a", b"1")
    s3.faults.away_until = time.monotonic() + 6
    read: list[bytes] = []
    together([threading.Thread(target=lambda: read.append(Bucket().read(f"{bucket}/a"))) for _ in range(8)])
    assert read == [b"1"] * 8


def test_faults__one_object_that_never_comes_whole_is_given_up(s3: Buckets) -> None:
    bucket = s3.make()
    s3.put(bucket, "a", b"content")
    s3.faults.cut = 1.0
    assert reason(f"{bucket}/a") == "io_error"


def test_faults__a_store_that_stays_away_is_told(s3: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.make()
    monkeypatch.setattr(patience, "PATIENCE_S", 0.5)
    s3.faults.away_until = time.monotonic() + 60
    with pytest.raises(patience.StoreAwayError, match="nothing is lost"):
        Bucket().read(f"{bucket}/a")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, "NoSuchBucket"), "There is no bucket"),
        ((403, "AccessDenied"), "s3:ListBucket"),
        ((400, "ExpiredToken"), "expired"),
        ((403, "InvalidAccessKeyId"), "AWS_PROFILE"),
        ((400, "IllegalLocationConstraintException"), "AWS_REGION"),
    ],
)
def test_list__mistakes_are_told(s3: Buckets, answer: tuple[int, str], words: str) -> None:
    bucket = s3.make()
    s3.faults.refuse = lambda method, path: answer
    with pytest.raises(UsageError, match=words) as told:
        list(Bucket().list(bucket))
    assert KEY not in str(told.value)


def test_storage_for__names_what_there_is() -> None:
    with pytest.raises(UsageError, match="s3://"):
        storage_for("gs://bucket/x")


def test_read_ahead__fetches_while_others_are_awaited(s3: Buckets) -> None:
    bucket = s3.make()
    s3.fill(bucket, dict.fromkeys([f"a/{number}" for number in range(16)], b"1"))
    found = [entry for entry in Bucket().list(bucket) if isinstance(entry, Entry)]
    s3.faults.delay_s = 0.2
    started = time.monotonic()
    read_ahead((entry.uri, entry.version, entry.byte_size) for entry in found)
    assert [Bucket().read(entry.uri, entry.version) for entry in found] == [b"1"] * 16
    assert time.monotonic() - started < 16 * 0.2 / 2
    assert len([path for method, path, _ in s3.seen if method == "GET" and "/a/" in path]) == 16
