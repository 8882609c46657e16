"""Bytes at URIs: list, read, write. One small interface, with a folder or a bucket behind it."""

import os
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from tasks.store.errors import UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as a listing sees it.

    Attributes:
        uri: absolute and percent-encoded.
        version: changes whenever the bytes do (a folder: size and mtime in ns; a bucket: the ETag).
        byte_size: bytes.
        modified_at: seconds since the epoch.
    """

    uri: str
    version: str
    byte_size: int
    modified_at: float


class Storage(Protocol):
    """What Winnow needs of the place where bytes lie. A bucket raises WinnowError when nothing of it answers."""

    def list(self, uri: str, leave_out: str | None = None) -> Iterator[Entry | str]:
        """Every file below `uri`, in no order, and none below `leave_out`.

        A bare URI stands for something that is no readable file; one that ends in / for a folder that cannot be read.
        """

    def names(self, uri: str) -> Iterator[str]:
        """What lies directly below `uri`, files and folders; nothing where nothing is. A folder raises OSError."""

    def stat(self, uri: str) -> Entry:
        """One file. Raises Unreachable."""

    def read(self, uri: str, version: str | None = None) -> bytes:
        """All bytes, of exactly `version` if given. Raises Unreachable, with `changed` if it is another now."""

    def local_copy(self, uri: str, version: str | None = None) -> AbstractContextManager[BinaryIO]:
        """An open, seekable file of this machine with all bytes, of exactly `version` if given, while the block runs.

        For what is too large to be read at once, and for programs that read it by its descriptor. A folder opens the
        file itself; others fetch it into a temporary file, streamed, that is gone when the block ends or the process
        dies. Raises Unreachable on entry, or with `changed` on leaving the block if it was written to meanwhile: what
        was made of the bytes is then void.
        """

    def write(self, uri: str, content: bytes | memoryview) -> None:
        """Put a file there in one step: readers see the old one or the new one, whole."""

    def create(self, uri: str, content: bytes | memoryview) -> bool:
        """Put a file there in one step unless one is there already; False if one was."""

    def copy(self, uri: str, to: str) -> None:
        """Give a file a second name, no byte moved; a later write to one leaves the other. Raises Unreachable."""

    def delete(self, uri: str) -> None:
        """Remove a file, or everything below a prefix; nothing there is no error."""


def storage_for(uri: str) -> Storage:
    """The storage that holds `uri`. Raises UsageError for a scheme that is not supported."""
    match uri.partition("://")[0]:
        case "file":
            from tasks.store.folder import Folder

            return Folder()
        case "s3":
            from tasks.store.bucket import Bucket

            return Bucket()
        case scheme:
            raise UsageError(
                f"{uri} cannot be used: Winnow reads and writes folders and buckets (s3://), not {scheme}://."
            )


def read_ahead(files: Iterable[tuple[str, str, int]]) -> None:
    """Tell which files (URI, version, bytes) are read next, in order: those in a bucket are fetched ahead from now."""
    remote = [file for file in files if in_bucket(file[0])]
    if remote:
        from tasks.store.ahead import fetch_ahead

        fetch_ahead(remote)


def write_all(files: Mapping[str, bytes]) -> None:
    """Put several files in place, each in one step: in a bucket side by side, since each lets wait."""
    with ThreadPoolExecutor(min(len(files), 16) or 1) as pool:
        write = pool.map if any(map(in_bucket, files)) else map
        for _ in write(lambda uri: storage_for(uri).write(uri, files[uri]), files):
            pass


def in_bucket(uri: str) -> bool:
    """Whether a URI leads to a bucket."""
    return uri.startswith("s3://")


def to_uri(place: str | os.PathLike[str]) -> str:
    """Absolute, percent-encoded URI of a path, a file URI or an s3 URI; others come back. Any name can be encoded."""
    text = os.fspath(place)
    if in_bucket(text):
        return _bucket_uri(text)
    if text.startswith("file://"):
        text = str(to_path(text))
    elif "://" in text:
        return text
    return "file://" + urllib.parse.quote_from_bytes(os.fsencode(os.path.abspath(text)))


def to_path(uri: str) -> Path:
    """The local path behind a file URI."""
    return Path(os.fsdecode(urllib.parse.unquote_to_bytes(uri.removeprefix("file://"))))


def to_key(uri: str) -> tuple[str, str]:
    """The bucket and the key behind an s3 URI; the key of a bucket itself is empty."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, urllib.parse.unquote(key)


def key_uri(bucket: str, key: str) -> str:
    """The URI of a key in a bucket."""
    return f"s3://{bucket}/{urllib.parse.quote(key, errors='replace')}"


def shown(uri: str) -> str:
    """A URI as people open it: the path of a local file."""
    return str(to_path(uri)) if uri.startswith("file://") else uri


def join(uri: str, *names: str) -> str:
    """The URI of `names` below `uri`; names are percent-encoded."""
    return "/".join([uri.rstrip("/"), *(urllib.parse.quote(name) for name in names)])


def _bucket_uri(text: str) -> str:
    """One spelling of an s3 URI. What is wrong with it is told without it: it may hold a password."""
    bucket, key = to_key(text)
    if "@" in bucket or ":" in bucket:
        raise UsageError("An s3:// URI holds no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret.")
    if not bucket:
        raise UsageError(f"{text} names no bucket: write s3://BUCKET/PREFIX.")
    return key_uri(bucket, key).rstrip("/")
