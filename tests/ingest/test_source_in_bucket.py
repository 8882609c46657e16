"""A source in a bucket: a prefix or a manifest, with the rules that hold for folders."""

from pathlib import Path

import pytest

from tasks.ingest.manifest import write_manifest
from tasks.ingest.settings import IngestSettings
from tasks.ingest.source import Listing, list_source, refuse_missing_source
from tasks.store.errors import UsageError
from tasks.store.root import open_root
from tasks.store.storage import to_key, to_uri
from tests.buckets import Buckets

INCLUDE = IngestSettings().include


@pytest.fixture
def bucket(s3: Buckets) -> str:
    """A bucket with pictures, other files, hidden files, and a root."""
    made = s3.make()
    for key in (
        "in/a b.jpg", "in/day/c.PNG", "in/day/../d.jpg", "in//e.jpg", "in/notes.txt", "in/.hidden/f.jpg",
        "in/day/._g.jpg", "in/dataset/handoff/h.jpg", "in/folder.jpg/", "input.jpg", "in/new\nline.jpg",
    ):  # fmt: skip
        s3.put(made, key, b"" if key.endswith("/") else b"1")
    return made


def listed(source: str, leave_out: str = "file:///elsewhere", include: list[str] = INCLUDE) -> Listing:
    return list_source(to_uri(source), include, leave_out=leave_out)


def keys(listing: Listing) -> list[str]:
    return [to_key(uri)[1] for uri in listing.files["uri"].to_pylist()]


def test_list_source__a_prefix(bucket: str) -> None:
    listing = listed(f"{bucket}/in/", f"{bucket}/in/dataset")
    assert sorted(keys(listing)) == sorted(
        ["in/a b.jpg", "in/day/c.PNG", "in/day/../d.jpg", "in//e.jpg", "in/new\nline.jpg"]
    )
    assert (listing.listed, listing.ignored) == (8, 3)
    assert listing.files["uri"].to_pylist() == sorted(listing.files["uri"].to_pylist())
    assert keys(listed(f"{bucket}/in", include=["day/*.png"])) == ["in/day/c.PNG"]
    assert len(listed(bucket).files) == 7


def test_list_source__the_version_is_the_etag(s3: Buckets, bucket: str) -> None:
    before = listed(f"{bucket}/in/day").files["version"].to_pylist()
    s3.put(bucket, "in/day/c.PNG", b"another")
    after = listed(f"{bucket}/in/day").files["version"].to_pylist()
    assert len(set(before) & set(after)) == 1
    assert all(version.isalnum() for version in after)


def test_list_source__a_manifest_in_a_bucket_or_beside(s3: Buckets, bucket: str, tmp_path: Path) -> None:
    lines = ["# two", "a b.jpg", "day/c.PNG", f"{bucket}/in/a%20b.jpg", f"{bucket}/in//e.jpg", "gone.jpg", "notes.txt"]
    lines += [f"{bucket}/in/dataset/handoff/h.jpg"]
    s3.put(bucket, "in/list.txt", "\r\n".join(lines).encode())
    listing = listed(f"{bucket}/in/list.txt", f"{bucket}/in/dataset")
    assert sorted(keys(listing)) == ["in//e.jpg", "in/a b.jpg", "in/day/c.PNG", "in/gone.jpg"]
    assert listing.files["version"].to_pylist().count("missing") == 1
    assert listing.ignored == 1
    (tmp_path / "list.txt").write_text(f"{bucket}/in/a b.jpg\nlocal.jpg\n")
    (tmp_path / "local.jpg").write_bytes(b"1")
    both = listed(str(tmp_path / "list.txt"))
    assert both.files["uri"].to_pylist() == sorted([to_uri(tmp_path / "local.jpg"), f"{bucket}/in/a%20b.jpg"])


def test_list_source__a_manifest_gives_the_versions_of_a_listing(bucket: str, tmp_path: Path) -> None:
    """Else one object would get two ids."""
    of_listing = listed(f"{bucket}/in").files
    manifest = write_manifest(open_root(tmp_path, create=True), below=bucket, uris=of_listing["uri"].to_pylist())
    assert list_source(manifest, INCLUDE, leave_out="file:///elsewhere").files.equals(of_listing)


def test_list_source__mistakes_are_told(s3: Buckets, bucket: str) -> None:
    s3.put(bucket, "picture.jpg", b"\xff\xd8\xff")
    for source, words in (
        ("s3://no-such-bucket-here/x", "There is no bucket"),
        (f"{bucket}/picture.jpg", "neither a folder nor a text"),
        (f"{bucket}/in/dataset/handoff", "lies in the root"),
        ("s3://a:b@c/x", "credentials"),
    ):
        with pytest.raises(UsageError, match=words):
            listed(source, f"{bucket}/in/dataset")
    with pytest.raises(UsageError, match="There is no bucket"):
        refuse_missing_source("s3://no-such-bucket-here/x")
    s3.faults.refuse = lambda method, path: (403, "AccessDenied")
    with pytest.raises(UsageError, match="denied"):
        refuse_missing_source(f"{bucket}/in")
