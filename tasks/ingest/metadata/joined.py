"""Joined files: a CSV or Parquet table with a row for each image."""

import io
import urllib.parse
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from tasks.store.errors import Unreachable, UsageError
from tasks.store.storage import Entry, shown, storage_for, to_uri

NAMES = ("file", "file_name", "filename", "image", "key", "path", "uri", "name")
"""Columns that name the images where the settings name none; case does not count."""

_MISSING = ["", "NULL", "null", "NaN", "nan", "NA", "N/A", "n/a", "None"]

_COLUMN_TYPES = {
    r"-?(0|[1-9][0-9]{0,17})": pa.int64(),
    r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?": pa.float64(),
    r"(?i)true|false": pa.bool_(),
}
"""A column of text is a number, or true and false, if every value looks like it: 007 stays text."""


@dataclass(frozen=True)
class Joined:
    """A joined file that was read.

    Attributes:
        name: of the file, as people know it.
        on: what the rows name their images by, as text that is not percent-encoded; of equal ones the last counts.
        rows: the other columns.
    """

    name: str
    on: pa.Array
    rows: pa.Table

    def find(self, uris: list[str], keys: list[str]) -> pa.Array:
        """The row of each file, by its URI, its path, its path below the source or its name; null where none is."""
        plain = [urllib.parse.unquote(uri) for uri in uris]
        paths = [uri.removeprefix("file://") for uri in plain]
        names = [key.rpartition("/")[2] for key in keys]
        found = [pc.index_in(pa.array(spelt, pa.string()), value_set=self.on) for spelt in (plain, paths, keys, names)]
        return pc.coalesce(*found)

    def of(self, places: pa.Array) -> list[dict[str, Any]]:
        """The values of rows, by column; empty for null."""
        taken = iter(self.rows.take(places.drop_null()).to_pylist())
        return [next(taken) if place.is_valid else {} for place in places]

    def digests(self) -> pa.Array:
        """A hash of each row, with what it names."""
        import duckdb

        connection = duckdb.connect(":memory:")
        connection.register("rows", self.rows.append_column("on which", self.on))
        hashed = connection.sql("SELECT md5(to_json(r)::VARCHAR) AS digest FROM rows r").to_arrow_table()
        return hashed["digest"].combine_chunks()


def state_joined(place: str) -> Entry:
    """Where a joined file lies, and its version. Raises UsageError if it is not there."""
    uri = to_uri(place)
    try:
        return storage_for(uri).stat(uri)
    except Unreachable as error:
        raise UsageError(f"The joined file {shown(uri)} cannot be read ({error.detail}): name another.") from error


def read_joined(place: str, on: str | None) -> Joined:
    """Read a joined file whole.

    Raises:
        UsageError: it cannot be read, is neither CSV nor Parquet, or has no column that names the images.
    """
    uri = to_uri(place)
    try:
        content = storage_for(uri).read(uri)
        table = _table(uri, content)
    except Unreachable as error:
        raise UsageError(f"The joined file {shown(uri)} cannot be read ({error.detail}): name another.") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:200]
        raise UsageError(f"The joined file {shown(uri)} is no CSV in UTF-8 and no Parquet: {why}") from error
    if len(set(table.column_names)) < table.num_columns:
        raise UsageError(f"The joined file {shown(uri)} has two columns of one name: rename one.")
    column = _naming(table.column_names, on, shown(uri))
    names = [_as_named(str(name)) if name is not None else None for name in table[column].to_pylist()]
    rows, last_first = table.drop_columns([column]), pa.array(range(len(table) - 1, -1, -1), pa.int64())
    if not rows.num_columns:
        raise UsageError(f"The joined file {shown(uri)} says nothing: it has no column but {column}.")
    return Joined(shown(uri).rpartition("/")[2], pa.array(names, pa.string()).take(last_first), rows.take(last_first))


def _table(uri: str, content: bytes) -> pa.Table:
    if uri.lower().endswith((".parquet", ".pq")):
        return pq.read_table(pa.BufferReader(content))
    header = content[: content.find(b"\n") + 1 or None].decode("utf-8-sig")
    parse = pa.csv.ParseOptions(delimiter=max(",;\t", key=header.count), newlines_in_values=True)
    names = pa.csv.open_csv(io.BytesIO(content), parse_options=parse).schema.names
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=_MISSING
    )
    text = pa.csv.read_csv(pa.BufferReader(content), parse_options=parse, convert_options=convert)
    return pa.table([_typed(column) for column in text.columns], names=text.column_names)


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    stated = column.drop_null()
    for pattern, kind in _COLUMN_TYPES.items():
        if len(stated) and pc.all(pc.match_substring_regex(stated, f"^({pattern})$")).as_py():
            return column.cast(kind)
    return column


def _naming(columns: list[str], on: str | None, file: str) -> str:
    wanted = [on] if on else NAMES
    found = {name.lower(): name for name in reversed(columns)} | ({on: on} if on in columns else {})
    named = next((found[name] for name in wanted if name in found), None)
    if named is None:
        raise UsageError(
            f"The joined file {file} has no column {on or ' or '.join(NAMES)} that names the images; it has: "
            f"{', '.join(columns)[:200]}. ingest.metadata.join_on names one."
        )
    return named


def _as_named(name: str) -> str:
    """A file name, a path or a URI as it is compared: not percent-encoded if it is a URI, no ./ before it."""
    return urllib.parse.unquote(name) if "://" in name else name.removeprefix("./")
