"""What lies in a source: a folder, a prefix in a bucket, or a manifest of files."""

import fnmatch
import os
import re
import stat
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from tasks.ingest.manifest import MISSING, lies_in, named_files, no_manifest, told_from, unreadable_source
from tasks.ingest.settings import IngestSettings
from tasks.store.errors import Unreachable, UsageError
from tasks.store.storage import Entry, Storage, in_bucket, shown, storage_for, to_key, to_path

LISTED = pa.schema(
    [("uri", pa.string()), ("version", pa.string()), ("byte_size", pa.int64()), ("modified_at", pa.float64())]
)
"""One row a file: URI, version, bytes, seconds since the epoch."""

_CHUNK = 65_536


@dataclass(frozen=True)
class Listing:
    """What a source holds now.

    Attributes:
        listed: files seen.
        ignored: files that no pattern includes, and hidden ones, in hidden folders too: names with a dot first.
        files: the others, as LISTED, sorted by URI, no URI twice.
        unreadable: URIs of folders that cannot be read and of names that are wanted but lead to no file, sorted. They
            are not among the files listed.
        prefix: what the URIs of files below the source begin with.
        sidecars: JSON files beside the images, as LISTED; they count as ignored.
    """

    listed: int
    ignored: int
    files: pa.Table
    unreadable: tuple[str, ...]
    prefix: str
    sidecars: pa.Table


def refuse_missing_source(source: str) -> None:
    """Notice at once, before anything is made, that there is nothing to list. Raises UsageError."""
    if _is_folder(source) and in_bucket(source):
        next(storage_for(source).names(source), None)


def list_source(source: str, include: list[str], *, leave_out: str, sidecar: str | None = None) -> Listing:
    """List a source. Nothing below the URI `leave_out` (the root) is looked at, however it is spelt.

    Files that no pattern includes and that end in `sidecar` are sidecars.

    Raises:
        UsageError: the source is not there, cannot be read, lies in the root, or is no folder and no text.
    """
    folder = _is_folder(source)
    prefix = prefix_of(source)
    pattern = _pattern(include)
    ignored = 0
    parts: list[pa.Table] = [LISTED.empty_table()]
    rows: list[Entry] = []
    sidecars: list[Entry] = []
    unreadable: list[str] = []
    for found in _walk(source, leave_out) if folder else named_files(source, leave_out):
        uri = found if isinstance(found, str) else found.uri
        key = urllib.parse.unquote(uri.removeprefix(prefix))
        wanted = not _hidden(key) and (key.endswith("/") or _included(key, pattern))
        if wanted and isinstance(found, Entry):
            rows.append(found)
        elif wanted:
            unreadable.append(uri.removesuffix("/"))
        elif sidecar and key.endswith(sidecar) and isinstance(found, Entry):
            if found.version != MISSING:
                ignored += 1
                sidecars.append(found)
        elif not key.endswith("/"):
            ignored += 1
        if len(rows) == _CHUNK:
            parts.append(_table(rows))
            rows = []
    files = pa.concat_tables([*parts, _table(rows)]).sort_by("uri")
    return Listing(
        ignored + len(files), ignored, files, tuple(sorted(unreadable)), prefix, _table(sidecars).sort_by("uri")
    )


def would_take(source: str, settings: IngestSettings) -> Callable[[str], bool]:
    """Says of the URI of a file whether a run of the source would take it, or read it as a sidecar."""
    prefix, pattern, sidecar = prefix_of(source), _pattern(settings.include), settings.metadata.sidecar

    def takes(uri: str) -> bool:
        key = urllib.parse.unquote(uri.removeprefix(prefix))
        return not _hidden(key) and (_included(key, pattern) or bool(sidecar and key.endswith(sidecar)))

    return takes


def prefix_of(source: str) -> str:
    """What the URIs of files below a source begin with; of a manifest, below its folder or what it says."""
    return (source if _is_folder(source) else told_from(source)).removesuffix("/") + "/"


def _is_folder(source: str) -> bool:
    """Whether the source is a folder, or a prefix in a bucket, and no manifest. Raises UsageError if it is neither."""
    storage = storage_for(source)
    if in_bucket(source):
        return not to_key(source)[1] or not _is_object(storage, source)
    path = to_path(source)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"There is no source at {path}: name a folder, s3://BUCKET/PREFIX or a text file of paths."
        ) from error
    except OSError as error:
        raise unreadable_source(source, error.strerror) from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise no_manifest(source)
    return stat.S_ISDIR(mode)


def _is_object(storage: Storage, uri: str) -> bool:
    """What cannot be told from a head is told by the listing."""
    try:
        storage.stat(uri)
    except Unreachable:
        return False
    return True


def _walk(source: str, root: str) -> Iterator[Entry | str]:
    if lies_in(source, root):
        raise UsageError(f"The source {shown(source)} lies in the root: name a folder outside of it.")
    for found in storage_for(source).list(source, root):
        if found == source.removesuffix("/") + "/":
            raise unreadable_source(source, "it broke off")
        yield found


def _hidden(key: str) -> bool:
    """Whether a name in a path below the source has a dot first; of what a manifest names elsewhere only the last.

    The keys of a bucket may have `.` and `..` in their paths, which mean nothing there.
    """
    names = [key.rpartition("/")[2]] if "://" in key else key.split("/")
    return any(name[:1] == "." and name not in (".", "..") for name in names)


def _included(key: str, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.match(key.rpartition("/")[2]) or pattern.match(key))


def _pattern(include: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one) for one in include) or r"(?!)", re.IGNORECASE)


def _table(rows: list[Entry]) -> pa.Table:
    columns = [[getattr(row, name) for row in rows] for name in LISTED.names]
    return pa.table(dict(zip(LISTED.names, columns, strict=True)), schema=LISTED)
