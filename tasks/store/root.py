"""The root: one place that holds one dataset. Opening it, naming what lies in it, locking it."""

import errno
import json
import os
import sys
import unicodedata
import urllib.parse
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from tasks.store.errors import Unreachable, UsageError
from tasks.store.storage import Storage, in_bucket, join, shown, storage_for, to_path, to_uri

FORMAT = 3
"""Layout of the root. A root of another format is refused, never guessed at."""

DEFAULT_THUMBNAIL_PX = 256

WAITING = "Another run is at work in this root; waiting for it."

LEARNING = "Another run is training in this root; waiting for it."

LEARNING_LOCK = ".lock-learn"

_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Root:
    """An opened root.

    Attributes:
        uri: where it is.
        thumbnail_px: short side of the thumbnails, fixed when the root was made.
    """

    uri: str
    thumbnail_px: int = DEFAULT_THUMBNAIL_PX

    @property
    def storage(self) -> Storage:
        """Where its bytes lie."""
        return storage_for(self.uri)

    def at(self, *names: str) -> str:
        """URI of something in the root."""
        return join(self.uri, *names)

    def table_location(self, name: str) -> str:
        """Where Lance finds the table of that name."""
        return shown(self.at("tables", f"{name}.lance"))

    def table_names(self) -> list[str]:
        """Every table that was ever written, by name."""
        found = self.storage.names(self.at("tables"))
        return sorted(name.removesuffix(".lance") for name in found if name.endswith(".lance") and name[0] != ".")


def open_root(place: str | os.PathLike[str], *, create: bool = False, thumbnail_px: int | None = None) -> Root:
    """Open the root at a path or URI.

    Raises:
        UsageError: nothing is there and `create` is off, it is not a root, or its format is another one.
    """
    uri = to_uri(place)
    storage = storage_for(uri)
    marker = join(uri, "root.json")
    try:
        content = storage.read(marker)
    except Unreachable as error:
        if error.reason != "not_found":
            raise UsageError(f"The root {uri} cannot be read ({error.detail}).") from error
        if not create:
            raise UsageError(f"There is no root at {uri}: `winnow run SOURCE --root ...` makes one.") from error
        _refuse_control_characters(uri)
        strangers = _has_strangers(uri)
        fresh = {"format": FORMAT, "thumbnail_px": thumbnail_px or DEFAULT_THUMBNAIL_PX}
        if not strangers:
            _create_marker(storage, marker, fresh)
        content = _read_or_refuse(storage, marker)
    return _checked(uri, content)


@contextmanager
def locked(root: Root, waiting: str | None = None, name: str = ".lock") -> Iterator[None]:
    """Be the one run that plans and commits in the root, or that does what else `name` stands for; wait for another.

    Speed rests on it, safety does not: commits are safe among writers that ignore it. A process that dies lets go, in
    a bucket after a few seconds.
    `waiting` is printed to stderr, once, if there is somebody to wait for.

    Raises:
        UsageError: the root may not be written.
    """
    with _held_in_bucket(root, name, waiting) if in_bucket(root.uri) else _held_in_folder(root, name, waiting):
        yield


def _held_in_bucket(root: Root, name: str, waiting: str | None) -> AbstractContextManager[None]:
    from tasks.store.lease import leased

    return leased(root.at(name), lambda: _tell(waiting))


@contextmanager
def _held_in_folder(root: Root, name: str, waiting: str | None) -> Iterator[None]:
    from filelock import FileLock

    lock = FileLock(to_path(root.at(name)), is_singleton=True, thread_local=False)
    try:
        _acquire(lock, waiting)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise UsageError(f"The root {root.uri} cannot be written ({error.strerror}); mend its rights.") from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: Any, waiting: str | None) -> None:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        _tell(waiting)
        lock.acquire()


def _tell(waiting: str | None) -> None:
    if waiting:
        sys.stderr.write(waiting + "\n")


def _refuse_control_characters(uri: str) -> None:
    """Lines of a log, a page and a terminal name the root; no line break or bell may hide in it."""
    path = urllib.parse.unquote(shown(uri)) if in_bucket(uri) else shown(uri)
    if any(unicodedata.category(letter) == "Cc" for letter in path):
        raise UsageError(f"The root {path!r} has a control character in its name; name another folder.")


def _has_strangers(uri: str) -> bool:
    """Whether something else lies where a root is to be made."""
    try:
        return any(name != "winnow.yaml" and name[0] != "." for name in storage_for(uri).names(uri))
    except NotADirectoryError as error:
        raise UsageError(
            f"The root {uri} is a file, or below one; name a folder that is empty or not there yet."
        ) from error
    except OSError as error:
        raise UsageError(f"The root {uri} cannot be read ({error.strerror}).") from error


def _read_or_refuse(storage: Storage, marker: str) -> bytes:
    """The marker; among strangers there is one only if another run made the root at this moment."""
    try:
        return storage.read(marker)
    except Unreachable as error:
        place = marker.removesuffix("/root.json")
        raise UsageError(
            f"{place} is not a root and not empty; name a folder that is empty or not there yet."
        ) from error


def _create_marker(storage: Storage, marker: str, fresh: dict[str, int]) -> None:
    try:
        storage.create(marker, json.dumps(fresh, indent=2).encode())
    except OSError as error:
        if error.errno not in (*_NOT_WRITABLE, errno.ENOTDIR, errno.EEXIST):
            raise
        raise UsageError(f"The root cannot be made at {marker} ({error.strerror}).") from error


def _checked(uri: str, content: bytes) -> Root:
    try:
        stated = json.loads(content)
        layout, thumbnail_px = int(stated["format"]), int(stated["thumbnail_px"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{uri}/root.json is damaged ({error}); restore it, or start a new root.") from error
    if layout != FORMAT:
        raise UsageError(
            f"The root {uri} has format {layout}, this Winnow reads format {FORMAT}: use the version that wrote it."
        )
    return Root(uri, thumbnail_px)
