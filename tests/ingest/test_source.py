"""Listing a source: what is taken, what is ignored, what is a mistake."""

import os
from pathlib import Path

import pytest

from tasks.ingest.settings import IngestSettings
from tasks.ingest.source import list_source
from tasks.store.errors import UsageError
from tasks.store.storage import to_path, to_uri

INCLUDE = IngestSettings().include


def names(folder: Path, include: list[str] = INCLUDE, leave_out: Path | None = None) -> list[str]:
    listing = list_source(to_uri(folder), include, leave_out=to_uri(leave_out or folder / "no-such-root"))
    return [str(to_path(uri).relative_to(folder)) for uri in listing.files["uri"].to_pylist()]


def make(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())


def test_list_source__takes_pictures_and_counts_the_rest(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a/c.png", "notes.txt", ".hidden.jpg", "a/._b.jpg", "Makefile")
    listing = list_source(to_uri(tmp_path), INCLUDE, leave_out="file:///elsewhere")
    assert names(tmp_path) == ["a/c.png", "b.JPG"]
    assert (listing.listed, listing.ignored) == (6, 4)


def test_list_source__is_sorted_by_key(tmp_path: Path) -> None:
    make(tmp_path, "z.jpg", "a/z.jpg", "a.jpg", "m.jpg")
    assert names(tmp_path) == sorted(names(tmp_path), key=to_uri)


def test_list_source__patterns_of_paths(tmp_path: Path) -> None:
    make(tmp_path, "day/a.jpg", "night/b.jpg", "night/c d.jpg")
    assert names(tmp_path, ["night/*.jpg"]) == ["night/b.jpg", "night/c d.jpg"]
    assert names(tmp_path, ["c d.*"]) == ["night/c d.jpg"]
    assert names(tmp_path, []) == []


def test_list_source__leaves_the_root_out(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "root/handoff/b.jpg")
    assert names(tmp_path, leave_out=tmp_path / "root") == ["a.jpg"]


def test_list_source__a_manifest_names_files_once(tmp_path: Path) -> None:
    make(tmp_path, "a b.jpg", "c.jpg", "d.txt")
    lines = ["# two cameras", "a b.jpg", "", to_uri(tmp_path / "c.jpg"), "a b.jpg", "gone.jpg", "d.txt"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    listing = list_source(to_uri(tmp_path / "list.txt"), INCLUDE, leave_out="file:///elsewhere")
    assert [to_path(uri).name for uri in listing.files["uri"].to_pylist()] == ["a b.jpg", "c.jpg", "gone.jpg"]
    assert (listing.listed, listing.ignored) == (4, 1)


def test_list_source__mistakes_are_told(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\0")
    for place, words in ((tmp_path / "nowhere", "no source"), (tmp_path / "one.jpg", "neither a folder nor a text")):
        with pytest.raises(UsageError, match=words):
            list_source(to_uri(place), INCLUDE, leave_out="file:///elsewhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_list_source__without_permission(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(UsageError, match="permission"):
        list_source(to_uri(tmp_path / "closed"), INCLUDE, leave_out="file:///elsewhere")
