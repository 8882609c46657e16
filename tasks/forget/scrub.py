"""Scrub one file: what it says of other samples stays, what names something forgotten goes."""

import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.forget.mentions import GONE, Mentions

Scrubber = Callable[[bytes, Mentions], bytes | None]

_MAX_CELL = 2**27


def scrubbed(name: str, content: bytes, mentions: Mentions) -> bytes | None:
    """The file without what names something forgotten, the same bytes if nothing does; None if all of it has to go.

    A file of a kind that is not known goes if one of its lines names something forgotten.
    """
    scrub = _SCRUBBERS.get(PurePosixPath(name).suffix.lower(), _unknown)
    try:
        return scrub(content, mentions)
    except (ValueError, RecursionError, LookupError, csv.Error, ET.ParseError, tarfile.TarError, pa.ArrowException):
        return _unknown(content, mentions)


def is_opaque(name: str) -> bool:
    """Whether a file is not looked into, by its path in the root: pictures, weights, models of the user's own."""
    path = PurePosixPath(name)
    return path.suffix.lower() in _OPAQUE or (path.parts[:1] == ("models",) and path.parts[2:3] == ("model",))


def _json(content: bytes, mentions: Mentions) -> bytes | None:
    before = json.loads(content)
    left = mentions.without(before)
    if left is GONE:
        return None
    return content if left == before else json.dumps(left, indent=1, ensure_ascii=False).encode("utf-8", "replace")


def _lines_of_json(content: bytes, mentions: Mentions) -> bytes:
    lines = content.decode().splitlines(keepends=True)
    return "".join(line for line in lines if mentions.without(json.loads(line)) is not GONE).encode()


def _csv(content: bytes, mentions: Mentions) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    header = text.partition("\n")[0]
    csv.field_size_limit(_MAX_CELL)
    mark = max(",;\t", key=header.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    left = [row for row in rows if not any(map(mentions.text, row))]
    if len(left) == len(rows):
        return content
    told = io.StringIO()
    end = "\r\n" if header.endswith("\r") else "\n"
    csv.writer(told, delimiter=mark, lineterminator=end).writerows(left)
    return told.getvalue().encode("utf-8", "surrogateescape")


def _xml(content: bytes, mentions: Mentions) -> bytes | None:
    import defusedxml.ElementTree

    root = defusedxml.ElementTree.fromstring(content)
    if _named(root, mentions):
        return None
    gone = [(parent, child) for parent in root.iter() for child in parent if _named(child, mentions)]
    for parent, child in gone:
        parent.remove(child)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) if gone else content


def _named(element: Any, mentions: Mentions) -> bool:
    return any(map(mentions.text, [*element.attrib.values(), element.text or ""]))


def _lines(content: bytes, mentions: Mentions) -> bytes:
    lines = content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    left = [line for line in lines if not mentions.line(line)]
    return content if len(left) == len(lines) else "".join(left).encode("utf-8", "surrogateescape")


def _parquet(content: bytes, mentions: Mentions) -> bytes:
    rows = pq.read_table(pa.BufferReader(content))
    left = without_rows(rows, mentions)
    return content if len(left) == len(rows) else as_parquet(left)


def without_rows(rows: pa.Table, mentions: Mentions) -> pa.Table:
    """The rows in which no text, or a text in a list or struct, names something forgotten."""
    told = [field.name for field in rows.schema if _holds_text(field.type)]
    stays = [mentions.without(row) == row for row in rows.select(told).to_pylist()] if told else [True] * len(rows)
    return rows.filter(pa.array(stays, pa.bool_()))


def as_parquet(rows: pa.Table) -> bytes:
    """As staging and exports write it."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="none", use_dictionary=False, write_page_checksum=True)
    return bytes(sink.getvalue())


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_holds_text(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _tar(content: bytes, mentions: Mentions) -> bytes:
    sink, gone = io.BytesIO(), 0
    with tarfile.open(fileobj=io.BytesIO(content)) as before, tarfile.open(fileobj=sink, mode="w") as after:
        for member in before:
            file = before.extractfile(member)
            inside = file.read() if file else b""
            if mentions.text(member.name) or mentions.text(PurePosixPath(member.name).stem):
                gone += 1
                continue
            after.addfile(member, io.BytesIO(inside) if file else None)
    return sink.getvalue() if gone else content


def _unknown(content: bytes, mentions: Mentions) -> bytes | None:
    lines = content.decode("utf-8", "surrogateescape").splitlines()
    return None if any(map(mentions.line, lines)) else content


_SCRUBBERS: dict[str, Scrubber] = {
    ".json": _json,
    ".geojson": _json,
    ".jsonl": _lines_of_json,
    ".csv": _csv,
    ".tsv": _csv,
    ".xml": _xml,
    ".txt": _lines,
    ".log": _lines,
    ".parquet": _parquet,
    ".tar": _tar,
}

_OPAQUE = {".jpg", ".jpeg", ".png", ".webp", ".safetensors", ".faiss", ".onnx", ".db", ".pt", ".npy", ".yaml", ".yml"}
