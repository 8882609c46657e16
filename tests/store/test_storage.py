"""Folders as storage: any name, no half files, and a reason for what cannot be read."""

import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.errors import Unreachable, UsageError
from tasks.store.folder import Folder
from tasks.store.storage import Entry, join, storage_for, to_path, to_uri

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@given(NAMES)
@settings(max_examples=200)
def test_to_uri__any_file_name_comes_back(name: bytes) -> None:
    path = Path(os.fsdecode(b"/somewhere/" + name))
    assert to_path(to_uri(path)) == path


@pytest.mark.parametrize("spelt", ["/a b/c", "/a%20b/./c", "/a%20b/d/../c", "/a%20b/c/"])
def test_to_uri__one_file_uri_has_one_spelling(spelt: str) -> None:
    assert to_uri(f"file://{spelt}") == "file:///a%20b/c" == to_uri(to_uri(f"file://{spelt}"))


def test_list__finds_odd_names_and_reads_them(tmp_path: Path) -> None:
    names = [b"plain.jpg", b"with space.jpg", b"new\nline.jpg", b"\xff\xfe.jpg", "ünï/çödé.jpg".encode(), b"100%25.jpg"]
    for name in names:
        place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(name)
    found = [entry for entry in Folder().list(to_uri(tmp_path)) if isinstance(entry, Entry)]
    assert sorted(Folder().read(entry.uri, entry.version) for entry in found) == sorted(names)


def test_list__pipes_and_dangling_links_are_bare_uris(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    assert all(isinstance(found, str) for found in Folder().list(to_uri(tmp_path)))


def test_list__leaves_a_folder_out_however_it_is_spelt(tmp_path: Path) -> None:
    for name in ("a", "root/b", "rooted/c"):
        Folder().write(to_uri(tmp_path / "real" / name), b"1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = list(Folder().list(to_uri(tmp_path / "real"), to_uri(tmp_path / "link" / "root")))
    assert sorted(to_path(entry.uri).name for entry in found if isinstance(entry, Entry)) == ["a", "c"]
    assert len(found) == 2


def test_list__a_folder_that_breaks_off_is_a_bare_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "broken/b", "c"):
        Folder().write(to_uri(tmp_path / name), b"1")
    whole = os.scandir

    class Broken:
        def __enter__(self) -> "Broken":
            return self

        def __exit__(self, *_error: object) -> None:
            return None

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", lambda path: Broken() if Path(path).name == "broken" else whole(path))
    found = list(Folder().list(to_uri(tmp_path)))
    assert [one for one in found if isinstance(one, str)] == [to_uri(tmp_path / "broken") + "/"]
    assert len(found) == 3


def test_list__the_uppermost_folder_too() -> None:
    (first,) = itertools.islice(Folder().list("file:///"), 1)
    assert (first if isinstance(first, str) else first.uri).startswith("file:///")


def test_list__a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert len(list(Folder().list(to_uri(tmp_path)))) == 2


def test_read__another_version_is_changed(tmp_path: Path) -> None:
    uri = to_uri(tmp_path / "a")
    Folder().write(uri, b"one")
    version = Folder().stat(uri).version
    Folder().write(uri, b"another")
    with pytest.raises(Unreachable) as told:
        Folder().read(uri, version)
    assert told.value.reason == "changed"


def test_local_copy__is_the_version_that_was_asked_for_to_the_end(tmp_path: Path) -> None:
    place = tmp_path / "a.mp4"
    place.write_bytes(b"one")
    uri = to_uri(place)
    with Folder().local_copy(uri, Folder().stat(uri).version) as file:
        assert Path(f"/dev/fd/{file.fileno()}").read_bytes() == b"one"
    with pytest.raises(Unreachable, match="changed"), Folder().local_copy(uri, "2-0") as file:
        pass
    with pytest.raises(Unreachable, match="changed"), Folder().local_copy(uri) as file:
        place.write_bytes(b"another")
    place.unlink()
    with pytest.raises(Unreachable, match="not_found"), Folder().local_copy(uri) as file:
        pass


def test_read__what_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as told:
        Folder().read(to_uri(tmp_path / "gone"))
    assert told.value.reason == "not_found"


def test_read__a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Folder().read(to_uri(tmp_path / "pipe")) == b""


def test_create__exactly_one_of_many_writers_wins(tmp_path: Path) -> None:
    uri = to_uri(tmp_path / "choice")
    won: list[int] = []

    def attempt(number: int) -> None:
        if Folder().create(uri, str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=attempt, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Folder().read(uri) == str(won[0]).encode()
    assert len(won) == 1


def test_write__leaves_nothing_beside(tmp_path: Path) -> None:
    Folder().write(to_uri(tmp_path / "new" / "a"), b"1")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


def test_write_and_create__sync_the_file_then_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync = os.fsync

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def naming(name: Callable[..., None]) -> Callable[..., None]:
        def named(*places: Path) -> None:
            done.append("named")
            name(*places)

        return named

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", naming(os.replace))
    monkeypatch.setattr(os, "link", naming(os.link))
    Folder().write(to_uri(tmp_path / "a"), b"1")
    assert Folder().create(to_uri(tmp_path / "b"), b"1")
    assert done == ["file", "named", "folder"] * 2


def test_copy__is_one_of_its_own(tmp_path: Path) -> None:
    first, second = to_uri(tmp_path / "a b"), to_uri(tmp_path / "c" / "d")
    Folder().write(first, b"1")
    Folder().copy(first, second)
    Folder().write(first, b"2")
    assert (Folder().read(first), Folder().read(second)) == (b"2", b"1")
    with pytest.raises(Unreachable):
        Folder().copy(to_uri(tmp_path / "nothing"), second)


def test_delete__while_others_remove_the_same_and_what_is_above(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def remove(place: str) -> None:
        try:
            Folder().delete(to_uri(tmp_path / place))
        except BaseException as error:
            problems.append(error)

    for _ in range(60):
        for number in range(40):
            Folder().write(to_uri(tmp_path / "a" / "b" / "c" / str(number)), b"1")
        threads = [threading.Thread(target=remove, args=[place]) for place in ("a/b/c", "a/b", "a/b/c", "a", "a/b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    assert list(tmp_path.rglob("*")) == []


def test_storage_for__says_what_is_not_supported() -> None:
    with pytest.raises(UsageError, match="gopher"):
        storage_for("gopher://x")


def test_join__encodes_names() -> None:
    assert join("file:///a", "b c", "d?e") == "file:///a/b%20c/d%3Fe"
