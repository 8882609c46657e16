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


def test_list_source__hidden_folders_are_hidden(tmp_path: Path) -> None:
    make(tmp_path, ".seen/cam/a.jpg", ".seen/.thumbs/b.jpg", ".seen/cam/.cache/deep/c.jpg")
    assert names(tmp_path / ".seen") == ["cam/a.jpg"]


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


def test_list_source__leaves_the_root_out_behind_a_link(tmp_path: Path) -> None:
    make(tmp_path, "real/a.jpg", "real/kept/handoff/b.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert names(tmp_path / "real", leave_out=tmp_path / "link" / "kept") == ["a.jpg"]
    assert names(tmp_path / "link", leave_out=tmp_path / "real" / "kept") == ["a.jpg"]
    with pytest.raises(UsageError, match="lies in the root"):
        names(tmp_path / "link" / "kept" / "handoff", leave_out=tmp_path / "real" / "kept")
    (tmp_path / "list.txt").write_text("real/a.jpg\nreal/kept/handoff/b.jpg\n")
    listing = list_source(to_uri(tmp_path / "list.txt"), INCLUDE, leave_out=to_uri(tmp_path / "link" / "kept"))
    assert listing.files["uri"].to_pylist() == [to_uri(tmp_path / "real" / "a.jpg")]


def test_list_source__what_cannot_be_read_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "notes.txt", "camera7/b.jpg", ".camera8/c.jpg")
    for name in ("gone.jpg", "gone.txt", ".#lock.jpg"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    opened = os.scandir

    def scandir(path: Path) -> object:
        if "camera" in Path(path).name:
            raise PermissionError(13, "Permission denied")
        return opened(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = list_source(to_uri(tmp_path), INCLUDE, leave_out="file:///elsewhere")
    assert listing.unreadable == (to_uri(tmp_path / "camera7"), to_uri(tmp_path / "gone.jpg"))
    assert (listing.listed, listing.ignored, len(listing.files)) == (4, 3, 1)


def test_list_source__a_manifest_names_files_once(tmp_path: Path) -> None:
    make(tmp_path, "a b.jpg", "c.jpg", "d.txt")
    lines = ["# two cameras", "a b.jpg", "", to_uri(tmp_path / "c.jpg"), "a b.jpg", "gone.jpg", "d.txt"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    listing = list_source(to_uri(tmp_path / "list.txt"), INCLUDE, leave_out="file:///elsewhere")
    assert [to_path(uri).name for uri in listing.files["uri"].to_pylist()] == ["a b.jpg", "c.jpg", "gone.jpg"]
    assert (listing.listed, listing.ignored) == (4, 1)


def test_list_source__a_manifest_may_name_any_file(tmp_path: Path) -> None:
    odd = [" a.jpg", "b\u2028\x0b\x0c\x1c\x1d\x1e\x85.jpg", "c\r.jpg", "d#.jpg"]
    make(tmp_path, *odd)
    spaced = f"file://{tmp_path}/./ a.jpg"
    lines = ["# no picture", "  ", *odd, spaced, "  # none either", ""]
    for ending in ("\n", "\r\n"):
        (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + ending.join(lines).encode())
        listing = list_source(to_uri(tmp_path / "list.txt"), INCLUDE, leave_out="file:///elsewhere")
        assert [to_path(uri).name for uri in listing.files["uri"].to_pylist()] == sorted(odd, key=to_uri)
        assert "missing" not in listing.files["version"].to_pylist()


def test_list_source__patterns_of_paths_hold_below_the_manifest(tmp_path: Path) -> None:
    make(tmp_path, ".lists/day/a.jpg", ".lists/night/b.jpg", ".lists2/night/c.jpg")
    (tmp_path / ".lists" / "list.txt").write_text("day/a.jpg\nnight/b.jpg\n../.lists2/night/c.jpg\n")
    for include, taken in ((["night/*.jpg"], ["b.jpg"]), (["*.jpg"], ["a.jpg", "b.jpg", "c.jpg"])):
        listing = list_source(to_uri(tmp_path / ".lists" / "list.txt"), include, leave_out="file:///elsewhere")
        assert [to_path(uri).name for uri in listing.files["uri"].to_pylist()] == taken


def test_list_source__mistakes_are_told(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\0")
    os.mkfifo(tmp_path / "pipe")
    for place, words in (
        (tmp_path / "nowhere", "no source"),
        (tmp_path / "one.jpg" / "below", "no source"),
        (tmp_path / "one.jpg", "neither a folder nor a text"),
        (tmp_path / "pipe", "neither a folder nor a text"),
        (tmp_path / ("long" * 100), "cannot be read"),
    ):
        with pytest.raises(UsageError, match=words):
            list_source(to_uri(place), INCLUDE, leave_out="file:///elsewhere")


@pytest.mark.parametrize("closed", ["stat", "scandir"])
def test_list_source__without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    def refuse(path: Path, **_how: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    source = to_uri(tmp_path)
    monkeypatch.setattr(os, closed, refuse)
    with pytest.raises(UsageError, match="(?i)permission denied"):
        list_source(source, INCLUDE, leave_out="file:///elsewhere")
