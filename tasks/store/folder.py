"""A folder as storage: of this machine, or of a network mount."""

import errno
import os
import shutil
import stat
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tasks.store.errors import Unreachable
from tasks.store.storage import Entry, to_path

ATTEMPTS = 5
"""How often a change of a folder is tried while others change it too."""


class Folder:
    """A folder of this machine, or of a network mount."""

    def list(self, uri: str, leave_out: str | None = None) -> Iterator[Entry | str]:
        """Every regular file below the folder; `leave_out` is known by what it is, behind links and mounts too."""
        outside = _stat_or_none(leave_out)
        folders = [(to_path(uri), uri.removesuffix("/"))]
        while folders:
            path, prefix = folders.pop()
            try:
                if outside and os.path.samestat(os.stat(path), outside):
                    continue
                with os.scandir(path) as entries:
                    for entry in entries:
                        child = f"{prefix}/{urllib.parse.quote_from_bytes(os.fsencode(entry.name))}"
                        if entry.is_dir(follow_symlinks=False):
                            folders.append((Path(entry.path), child))
                        else:
                            yield _entry_or_uri(entry, child)
            except OSError:  # when it is opened, or half way
                yield f"{prefix}/"

    def names(self, uri: str) -> Iterator[str]:
        """What a listing of the folder gives, without an order."""
        try:
            yield from os.listdir(to_path(uri))
        except FileNotFoundError:
            return

    def stat(self, uri: str) -> Entry:
        """One regular file, symbolic links followed."""
        try:
            found = os.stat(to_path(uri))
        except OSError as error:
            raise _unreachable(error) from error
        if not stat.S_ISREG(found.st_mode):
            raise Unreachable("not_found", f"{uri} is no regular file")
        return _entry(uri, found)

    def read(self, uri: str, version: str | None = None) -> bytes:
        """All bytes; the version is compared before and after, so a file being written is not half read."""
        try:
            with open(to_path(uri), "rb", opener=_open_without_waiting) as file:
                before = os.fstat(file.fileno())
                content = file.read()
                after = os.fstat(file.fileno())
        except OSError as error:
            raise _unreachable(error) from error
        _refuse_other(_version(before), _version(after))
        _refuse_other(version or _version(before), _version(after))
        return content

    @contextmanager
    def local_copy(self, uri: str, version: str | None = None) -> Iterator[BinaryIO]:
        """The file itself; its version is compared on entry and on leaving."""
        try:
            file = open(to_path(uri), "rb", opener=_open_without_waiting)  # noqa: SIM115
        except OSError as error:
            raise _unreachable(error) from error
        with file:
            before = _version(os.fstat(file.fileno()))
            _refuse_other(version or before, before)
            yield file
            _refuse_other(before, _version(os.fstat(file.fileno())))

    def write(self, uri: str, content: bytes | memoryview) -> None:
        """Write beside, sync, rename into place, sync the name."""
        path = to_path(uri)
        for attempt in range(ATTEMPTS):
            try:
                os.replace(_written_beside(path, content), path)
                break
            except FileNotFoundError:  # somebody tidied the folder away in between
                if attempt == ATTEMPTS - 1:
                    raise
        _sync_folder(path.parent)

    def create(self, uri: str, content: bytes | memoryview) -> bool:
        """Write beside, sync, link into place: of several writers exactly one is told True."""
        path = to_path(uri)
        beside = _written_beside(path, content)
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        _sync_folder(path.parent)
        return True

    def copy(self, uri: str, to: str) -> None:
        """Link the file under the other name: `write` puts a new file in the place of one of them, never into it."""
        path = to_path(to)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(to_path(uri), path)
        except OSError as error:
            raise _unreachable(error) from error
        _sync_folder(path.parent)

    def delete(self, uri: str) -> None:
        """Remove a file, or a whole folder in one step, also while others remove it or write into it."""
        path = to_path(uri)
        aside = path.with_name(f".{uuid.uuid4().hex}.gone")
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, onerror=_gone_already)
        else:
            aside.unlink(missing_ok=True)


def _gone_already(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Somebody who removes the folder above may be quicker."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _stat_or_none(uri: str | None) -> os.stat_result | None:
    try:
        return os.stat(to_path(uri)) if uri and uri.startswith("file://") else None
    except OSError:
        return None


def _entry_or_uri(entry: os.DirEntry[str], uri: str) -> Entry | str:
    try:
        found = entry.stat()
    except OSError:
        return uri
    return _entry(uri, found) if stat.S_ISREG(found.st_mode) else uri


def _entry(uri: str, found: os.stat_result) -> Entry:
    return Entry(uri, _version(found), found.st_size, found.st_mtime)


def _version(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}"


def _refuse_other(expected: str, found: str) -> None:
    if expected != found:
        raise Unreachable("changed", f"was {expected}, is {found}")


def _unreachable(error: OSError) -> Unreachable:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return Unreachable("not_found", error.strerror or str(error))
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreachable("permission", error.strerror or str(error))
    return Unreachable("io_error", error.strerror or str(error))


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe that took the file's place must not hold the run up."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _written_beside(path: Path, content: bytes | memoryview) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _sync_folder(path: Path) -> None:
    """Without it a loss of power may take the name of a file whose bytes are safe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # tidied away since
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some mounts cannot sync a folder
            raise
    finally:
        os.close(descriptor)
