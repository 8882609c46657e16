"""Source and root in buckets: the same dataset as from folders, whatever the network does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.ingest.plan import plan
from tasks.store.errors import UsageError
from tasks.store.root import open_root
from tasks.store.storage import to_key
from tests.buckets import KEY, SECRET, Buckets
from tests.films import a_film
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, doubled_keys, opened, rows, select, settings_for

HOUSE = Path(__file__).parents[2]

ODD = [
    "a b",
    "ü 漢字",
    "new\nline",
    "100%25",
    "q?x=1#f",
    "plus+&=",
    "<b>'\"",
    "back\\slash",
    "tab\t",
    " lead",
    "e\u0301",
]


def write_mess(folder: Path, count: int) -> Path:
    """A folder of pictures with odd names: copies, near-copies, broken files, other files."""
    maker = Maker(folder)
    for number in range(count):
        name = f"{ODD[number % 4]}/{ODD[number % len(ODD)]} {number}.jpg"
        maker.write(name, jpeg(photograph(number % (count * 5 // 6)), 92 if number % 3 else 80))
    maker.write("broken.jpg", jpeg(photograph(1))[:300])
    maker.write("empty.jpg", b"")
    maker.write("a film.mp4", a_film(1.5))
    maker.write("notes.txt", b"no picture")
    return folder


def below(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {prefix + str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(source: Any, root: Any, batch: int) -> Any:
    """Both flows; the settings."""
    settings = settings_for(source, root, select__budget=6, ingest__batch_size=batch, ingest__shard_size=batch // 2)
    curate(settings)
    select(settings)
    return settings


def found(settings: Any) -> dict[str, Any]:
    """What has to be the same wherever it lies: names below the source instead of URIs, no versions and batches."""
    names = {"uri", "source_uri", "video_uri"}
    away = {"object_id", "version", "batch_id"}

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in row.items() if name not in away}
        return kept | {name: row[name].removeprefix(settings.source_uri) for name in names & row.keys() if row[name]}

    assert doubled_keys(settings) == {}
    return {name: sorted((plain(row) for row in table), key=str) for name, table in content(settings).items()}


@pytest.fixture(scope="module")
def mess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small mess."""
    return write_mess(tmp_path_factory.mktemp("mess") / "source", 18)


@pytest.fixture(scope="module")
def expected(mess: Path) -> dict[str, Any]:
    """What folders give."""
    return found(run(mess, mess.parent / "root", 12))


def test_buckets__give_what_folders_give(
    s3: Buckets, mess: Path, expected: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    source, root = s3.make("source"), s3.make("root")
    s3.fill(source, below(mess, "in box/"))
    settings = run(f"{source}/in box", f"{root}/deep/r", 12)
    assert found(settings) == expected
    held = s3.keys(root)
    told = "".join(capfd.readouterr()).encode()
    assert not any(secret.encode() in text for secret in (KEY, SECRET) for text in [told, *held.values()])
    images = {key for key in held if "handoff" in key and key.endswith(".jpg")}
    tasks = next(value for key, value in held.items() if key.endswith("label_studio.json"))
    assert {json.loads(tasks)[number]["data"]["image"] for number in range(6)} == {f"{root}/{key}" for key in images}
    s3.seen.clear()
    assert plan(opened(settings), settings.source_uri, settings.ingest, settings.frozen()).new == 0
    assert {method for method, _, _ in s3.seen} <= {"GET", "HEAD"}
    assert len(s3.seen) < 20


def test_buckets__faults_change_nothing(s3: Buckets, mess: Path, expected: dict[str, Any]) -> None:
    source, root = s3.make("source"), s3.make("root")
    s3.fill(source, below(mess))
    s3.faults.unavailable, s3.faults.cut = 0.1, 0.05
    open_root(root, create=True)
    s3.faults.away_until = time.monotonic() + 5
    settings = run(source, root, 12)
    s3.faults.unavailable = s3.faults.cut = 0
    assert found(settings) == expected


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_buckets__three_thousand_objects_and_a_minute_without_a_network(s3: Buckets, tmp_path: Path) -> None:
    folder = write_mess(tmp_path / "source", 3000)
    source, clean, faulty = s3.make("source"), s3.make("root"), s3.make("root")
    s3.fill(source, below(folder))
    expected = found(run(folder, tmp_path / "root", 2000))
    assert found(run(source, clean, 2000)) == expected
    s3.seen.clear()
    once = iter([True])

    def go_away(_method: str, _path: str) -> None:
        if len(s3.seen) > 1000 and next(once, False):
            s3.faults.away_until = time.monotonic() + 60

    s3.faults.unavailable, s3.faults.cut, s3.faults.refuse = 0.1, 0.05, go_away
    settings = run(source, faulty, 2000)
    s3.faults.unavailable = s3.faults.cut = 0
    assert next(once, "gone away") == "gone away"
    assert len([status for _, _, status in s3.seen if status == 503]) > 300
    assert found(settings) == expected
    held = b"".join([*s3.keys(clean).values(), *s3.keys(faulty).values()])
    assert KEY.encode() not in held
    assert SECRET.encode() not in held


WITHOUT_LOCK = """
import contextlib, sys
import flows.curate, flows.select
from tests.flows.test_buckets import run
flows.curate.locked = flows.select.locked = lambda *_: contextlib.nullcontext()
run(sys.argv[1], sys.argv[2], 12)
"""


def start(source: str, root: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WITHOUT_LOCK, source, root], cwd=HOUSE, start_new_session=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_buckets__processes_at_once_and_killed_ones(s3: Buckets, mess: Path, expected: dict[str, Any]) -> None:
    source, root = s3.make("source"), s3.make("root")
    s3.fill(source, below(mess))
    assert [process.wait(600) for process in [start(source, f"{root}/together") for _ in range(3)]] == [0] * 3
    assert found(settings_for(source, f"{root}/together")) == expected
    for number in range(6):
        s3.seen.clear()
        killed = start(source, f"{root}/{number}")
        while killed.poll() is None and len([path for _, path, _ in s3.seen if root[5:] in path]) < 40 * number + 5:
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert found(run(source, f"{root}/{number}", 12)) == expected


def test_buckets__what_cannot_be_reached_is_deferred_with_its_reason(s3: Buckets, maker: Maker, tmp_path: Path) -> None:
    source = s3.make("source")
    for number, name in enumerate(("fine", "changed", "gone", "closed", "archived")):
        storage = {"StorageClass": "DEEP_ARCHIVE"} if name == "archived" else {}
        s3.put(source, f"{name}.jpg", jpeg(photograph(number)), **storage)
    settings = settings_for(source, tmp_path / "root")
    plan(open_root(settings.root_uri, create=True), settings.source_uri, settings.ingest, settings.frozen())
    s3.put(source, "changed.jpg", jpeg(photograph(9)))
    s3.client().delete_object(Bucket=to_key(source)[0], Key="gone.jpg")
    s3.faults.refuse = lambda method, path: (400, "ExpiredToken") if "fine" in path else None
    with pytest.raises(UsageError, match="expired"):
        curate(settings)
    s3.faults.refuse = lambda method, path: (403, "AccessDenied") if "closed" in path else None
    assert curate(settings).counts["deferred"] == 4
    reasons = {
        row["uri"].removeprefix(f"{source}/"): (row["outcome"], row["reason"])
        for row in rows(settings, "SELECT uri, outcome, reason FROM objects WHERE outcome <> 'sample'")
    }
    assert reasons == {
        "changed.jpg": ("deferred", "changed"), "gone.jpg": ("deferred", "not_found"),
        "closed.jpg": ("deferred", "permission"), "archived.jpg": ("deferred", "archived"),
    }  # fmt: skip
