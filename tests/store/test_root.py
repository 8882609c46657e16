"""Opening a root: made once, never on top of something else, never of another format."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.store.errors import UsageError
from tasks.store.folder import Folder
from tasks.store.root import locked, open_root


def test_open_root__makes_one_and_opens_it_again(tmp_path: Path) -> None:
    made = open_root(tmp_path / "r", create=True, thumbnail_px=128)
    assert open_root(tmp_path / "r") == made
    assert made.thumbnail_px == 128


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps({"format": 99, "thumbnail_px": 256}), "format 99"),
        ("{", "damaged"),
        ("{}", "damaged"),
    ],
)
def test_open_root__refuses_what_it_does_not_know(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "root.json").write_text(content)
    with pytest.raises(UsageError, match=words):
        open_root(tmp_path)


def test_open_root__refuses_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="not empty"):
        open_root(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_open_root__refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UsageError, match="is a file"):
        open_root(tmp_path / "file", create=True)


@pytest.mark.parametrize(
    ("name", "words"), [("file/below", "is a file"), ("long" * 100, "cannot be read"), ("a\nb", "control character")]
)
def test_open_root__refuses_places_that_cannot_be(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UsageError, match=words) as told:
        open_root(tmp_path / name, create=True)
    assert str(told.value).isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_root__that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    made = open_root(tmp_path / "made", create=True)
    opened = os.open

    def refuse(path: str, flags: int, *mode: int, **how: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(number, os.strerror(number), path)
        return opened(path, flags, *mode, **how)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match="cannot be written"), locked(made):
        pass

    def refuse_to_write(*_given: object) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Folder, "create", refuse_to_write)
    with pytest.raises(UsageError, match="cannot be made"):
        open_root(tmp_path / "new", create=True)


def test_open_root__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="winnow run"):
        open_root(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_locked__another_process_waits_and_the_same_one_may_nest(tmp_path: Path) -> None:
    root = open_root(tmp_path / "r", create=True)
    code = (
        "import sys; from tasks.store.root import locked, open_root\n"
        "with locked(open_root(sys.argv[1]), 'waiting'): print('in')"
    )
    with locked(root), locked(root):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "r")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert other.stderr is not None
        assert other.stderr.readline() == "waiting\n"
        assert other.poll() is None
    out, _ = other.communicate(timeout=30)
    assert out == "in\n"
