"""What lies in a source: a folder, or a manifest (a text file of URIs or paths, one a line)."""

import fnmatch
import re
import urllib.parse
from collections.abc import Iterable, Iterator
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
        ignored: files that no pattern includes, hidden ones, and what cannot be opened at all.
        files: the others, as LISTED, sorted by URI, no URI twice.
    """

    listed: int
    ignored: int
    files: pa.Table


def list_source(source: str, include: list[str], *, leave_out: str) -> Listing:
    """List a source. Nothing below the URI `leave_out` (the root) is looked at.

    Raises:
        UsageError: the source is not there, cannot be read, or is no folder and no text.
    """
    pattern = _pattern(include)
    prefix = len(source.rstrip("/")) + 1
    listed = ignored = 0
    parts: list[pa.Table] = [LISTED.empty_table()]
    rows: list[Entry] = []
    for found in _entries(source):
        uri = found if isinstance(found, str) else found.uri
        if uri.startswith(leave_out.rstrip("/") + "/"):
            continue
        listed += 1
        if isinstance(found, str) or not _wanted(uri[prefix:] if uri.startswith(source) else uri, pattern):
            ignored += 1
            continue
        rows.append(found)
        if len(rows) == _CHUNK:
            parts.append(_table(rows))
            rows = []
    return Listing(listed, ignored, pa.concat_tables([*parts, _table(rows)]).sort_by("uri"))


def _entries(source: str) -> Iterator[Entry | str]:
    storage = storage_for(source)
    path = to_path(source)
    if not path.exists():
        raise UsageError(f"There is no source at {path}: name a folder or a text file of paths.")
    if path.is_file():
        yield from (_stated(uri) for uri in _manifest(path))
        return
    for found in storage.list(source):
        if found == source.rstrip("/"):
            raise UsageError(
                f"The source {path} cannot be read: permission denied. Ask for access, or run as its owner."
            )
        yield found


def _manifest(path: Path) -> Iterable[str]:
    try:
        text = path.read_text("utf-8") if path.stat().st_size < MANIFEST_BYTES else None
    except UnicodeDecodeError:
        text = None
    except OSError as error:
        raise UsageError(f"The source {path} cannot be read ({error.strerror}).") from error
    if text is None or "\0" in text:
        raise UsageError(f"The source {path} is neither a folder nor a text file of paths, one a line.")
    lines = (line.strip() for line in text.splitlines())
    uris = (line if "://" in line else to_uri(path.parent / line) for line in lines if line and line[0] != "#")
    return dict.fromkeys(uris)


def _stated(uri: str) -> Entry:
    """A manifest names its files: one that is not there is an object that cannot be reached, not one to ignore."""
    try:
        return storage_for(uri).stat(uri)
    except Unreachable:
        return Entry(uri, "missing", 0, 0.0)


def _wanted(key: str, pattern: re.Pattern[str]) -> bool:
    key = urllib.parse.unquote(key)
    name = key.rpartition("/")[2]
    return not name.startswith(".") and bool(pattern.match(name) or pattern.match(key))


def _pattern(include: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one) for one in include) or r"(?!)", re.IGNORECASE)


def _table(rows: list[Entry]) -> pa.Table:
    columns = [[getattr(row, name) for row in rows] for name in LISTED.names]
    return pa.table(dict(zip(LISTED.names, columns, strict=True)), schema=LISTED)
