"""Source and root in buckets: the same dataset as from folders, whatever the network does."""

import time
from pathlib import Path
from typing import Any

import pytest

from tasks.ingest.plan import plan
from tasks.store.root import open_root
from tasks.store.storage import to_key
from tests.buckets import KEY, SECRET, Buckets
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, doubled_keys, opened, rows, select, settings_for

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


@pytest.fixture
def mess(maker: Maker) -> Path:
    """A folder of pictures with odd names: copies, near-copies, broken files, other files."""
    write_mess(maker, 24)
    return maker.folder


def write_mess(maker: Maker, count: int) -> None:
    for number in range(count):
        name = f"{ODD[number % 4]}/{ODD[number % len(ODD)]} {number}.jpg"
        maker.write(name, jpeg(photograph(number % (count * 5 // 6)), 92 if number % 3 else 80))
    maker.write("broken.jpg", jpeg(photograph(1))[:300])
    maker.write("empty.jpg", b"")
    maker.write("notes.txt", b"no picture")


def upload(s3: Buckets, folder: Path, bucket: str, prefix: str = "") -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            s3.put(bucket, prefix + str(path.relative_to(folder)), path.read_bytes())


def run(source: Any, root: Any, **overrides: Any) -> tuple[Any, Any]:
    """Both flows; the settings, and what curate did."""
    settings = settings_for(source, root, select__budget=6, ingest__batch_size=15, ingest__shard_size=6, **overrides)
    summary = curate(settings)
    select(settings)
    return settings, summary


def found(settings: Any, source: str) -> dict[str, Any]:
    """What has to be the same wherever it lies: names below the source instead of URIs, no versions and batches."""
    whole = content(settings)
    names = {"uri", "source_uri"}
    away = {"object_id", "version", "batch_id", "group_id"}

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in row.items() if name not in away}
        return kept | {name: row[name].removeprefix(source) for name in names & row.keys()}

    return {name: sorted((plain(row) for row in table), key=str) for name, table in whole.items()}


@pytest.fixture
def expected(mess: Path, tmp_path: Path) -> dict[str, Any]:
    """What folders give."""
    settings, _ = run(mess, tmp_path / "root")
    return found(settings, settings.source_uri)


def test_buckets__give_what_folders_give(s3: Buckets, mess: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    source, root = s3.make("source"), s3.make("root")
    upload(s3, mess, source, "in box/")
    settings, summary = run(f"{source}/in box", f"{root}/deep/r")
    assert found(settings, settings.source_uri) == expected
    assert doubled_keys(settings) == {}
    assert (summary.rejects["empty"], summary.rejects["damaged"]) == (1, 1)
    assert no_secrets(s3.keys(root))
    images = {key for key in s3.keys(root) if "handoff" in key and key.endswith(".jpg")}
    tasks = next(value for key, value in s3.keys(root).items() if key.endswith("label_studio.json"))
    assert all(f"{root}/{key}".encode() in tasks for key in images)
    assert len(images) == 6
    s3.seen.clear()
    assert plan(opened(settings), settings.source_uri, settings.ingest, settings.frozen()).new == 0
    assert len(s3.seen) < 20


def no_secrets(held: dict[str, bytes]) -> bool:
    return not any(secret.encode() in value for value in held.values() for secret in (KEY, SECRET))


def test_buckets__faults_change_nothing(s3: Buckets, mess: Path, expected: dict[str, Any]) -> None:
    source, root = s3.make("source"), s3.make("root")
    upload(s3, mess, source)
    s3.faults.unavailable, s3.faults.cut = 0.1, 0.05
    open_root(root, create=True)
    s3.faults.away_until = time.monotonic() + 5
    settings, _ = run(source, root)
    s3.faults.unavailable = s3.faults.cut = 0
    assert found(settings, settings.source_uri) == expected
    assert doubled_keys(settings) == {}


def test_buckets__what_cannot_be_reached_is_deferred_with_its_reason(s3: Buckets, maker: Maker, tmp_path: Path) -> None:
    source = s3.make("source")
    for number, name in enumerate(("fine", "changed", "gone", "closed", "archived")):
        storage = {"StorageClass": "DEEP_ARCHIVE"} if name == "archived" else {}
        s3.put(source, f"{name}.jpg", jpeg(photograph(number)), **storage)
    settings = settings_for(source, tmp_path / "root")
    plan(open_root(settings.root_uri, create=True), settings.source_uri, settings.ingest, settings.frozen())
    s3.put(source, "changed.jpg", jpeg(photograph(9)))
    s3.client().delete_object(Bucket=to_key(source)[0], Key="gone.jpg")
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
