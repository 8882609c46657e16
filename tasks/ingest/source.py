"""What lies in a source: a folder, or a manifest (a text file of URIs or paths, one a line)."""

import fnmatch
import functools
import os
import re
import stat
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.store.errors import Unreachable, UsageError
from tasks.store.storage import Entry, storage_for, to_path, to_uri

LISTED = pa.schema(
    [("uri", pa.string()), ("version", pa.string()), ("byte_size", pa.int64()), ("modified_at", pa.float64())]
)
"""One row a file: URI, version, bytes, seconds since the epoch."""

_CHUNK = 65_536
MANIFEST_BYTES = 10**9


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
    storage_for(source)
    _is_folder(to_path(source))


def list_source(source: str, include: list[str], *, leave_out: str, sidecar: str | None = None) -> Listing:
    """List a source. Nothing below the URI `leave_out` (the root) is looked at, however it is spelt.

    Files that no pattern includes and that end in `sidecar` are sidecars.

    Raises:
        UsageError: the source is not there, cannot be read, lies in the root, or is no folder and no text.
    """
    storage_for(source)
    path = to_path(source)
    folder = _is_folder(path)
    prefix = prefix_of(source)
    pattern = _pattern(include)
    ignored = 0
    parts: list[pa.Table] = [LISTED.empty_table()]
    rows: list[Entry] = []
    sidecars: list[Entry] = []
    unreadable: list[str] = []
    for found in _walk(source, leave_out) if folder else _named(path, leave_out):
        uri = found if isinstance(found, str) else found.uri
        key = urllib.parse.unquote(uri.removeprefix(prefix))
        wanted = not _hidden(key) and (key.endswith("/") or _included(key, pattern))
        if wanted and isinstance(found, Entry):
            rows.append(found)
        elif wanted:
            unreadable.append(uri.removesuffix("/"))
        elif not key.endswith("/"):
            ignored += 1
            if sidecar and key.endswith(sidecar) and isinstance(found, Entry):
                sidecars.append(found)
        if len(rows) == _CHUNK:
            parts.append(_table(rows))
            rows = []
    files = pa.concat_tables([*parts, _table(rows)]).sort_by("uri")
    return Listing(
        ignored + len(files), ignored, files, tuple(sorted(unreadable)), prefix, _table(sidecars).sort_by("uri")
    )


def prefix_of(source: str) -> str:
    """What the URIs of files below a source begin with; of a manifest, below its folder."""
    path = to_path(source)
    return to_uri(path.parent if path.is_file() else path).removesuffix("/") + "/"


def _is_folder(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"There is no source at {path}: name a folder or a text file of paths.") from error
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise _no_manifest(path)
    return stat.S_ISDIR(mode)


def _unreadable(path: Path, why: str | None) -> UsageError:
    return UsageError(f"The source {path} cannot be read ({why}). Ask for access, or run as its owner.")


def _no_manifest(path: Path) -> UsageError:
    return UsageError(f"The source {path} is neither a folder nor a text file of paths, one a line.")


def _walk(source: str, root: str) -> Iterator[Entry | str]:
    if _lies_in(to_path(source), to_path(root)):
        raise UsageError(f"The source {to_path(source)} lies in the root: name a folder outside of it.")
    for found in storage_for(source).list(source, root):
        if found == source.removesuffix("/") + "/":
            raise _unreadable(to_path(source), "it broke off")
        yield found


def _named(manifest: Path, root: str) -> Iterator[Entry]:
    """What a manifest names, once each, but for what lies in the root."""
    outside = functools.cache(lambda folder: not _lies_in(folder, to_path(root)))
    for uri in _manifest(manifest):
        if not uri.startswith("file://") or outside(to_path(uri).parent):
            yield _stated(uri)


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _manifest(path: Path) -> dict[str, None]:
    """Its URIs, in order. Names keep their blanks, and whatever else a line may hold."""
    try:
        text = path.read_bytes().decode("utf-8-sig") if path.stat().st_size < MANIFEST_BYTES else None
    except UnicodeDecodeError:
        text = None
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if text is None or "\0" in text:
        raise _no_manifest(path)
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    names = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return dict.fromkeys(to_uri(name.strip() if "://" in name else path.parent / name) for name in names)


def _stated(uri: str) -> Entry:
    """A manifest names its files: one that is not there is an object that cannot be reached, not one to ignore."""
    try:
        return storage_for(uri).stat(uri)
    except Unreachable:
        return Entry(uri, "missing", 0, 0.0)


def _hidden(key: str) -> bool:
    """Whether a name in a path below the source has a dot first; of what a manifest names elsewhere only the last."""
    return "/." in "/" + (key.rpartition("/")[2] if "://" in key else key)


def _included(key: str, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.match(key.rpartition("/")[2]) or pattern.match(key))


def _pattern(include: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one) for one in include) or r"(?!)", re.IGNORECASE)


def _table(rows: list[Entry]) -> pa.Table:
    columns = [[getattr(row, name) for row in rows] for name in LISTED.names]
    return pa.table(dict(zip(LISTED.names, columns, strict=True)), schema=LISTED)
