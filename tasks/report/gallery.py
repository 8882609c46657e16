"""Pictures for pages and artifacts, small enough to lie inside them."""

import base64
import os
import urllib.parse
from dataclasses import dataclass
from typing import Any

import simplejpeg

from tasks.image import thumbnail
from tasks.image.decode import decode_thumbnail
from tasks.store import staging, tables, views
from tasks.store.root import Root
from tasks.store.staging import Staged

SHORT_SIDE = 128
QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Attributes:
        sample_id: whose it is.
        source: a data URI.
        title: where the original is.
        caption: what is said under it.
        size: width and height of what `source` holds, pixels.
    """

    sample_id: str
    source: str
    title: str
    caption: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Group:
    """A kept sample and the samples that repeat it."""

    kept: Picture
    repeats: list[Picture]
    more: int


def thumbnails_of(root: Root, selection: str, most: int = 12) -> list[tuple[str, bytes]]:
    """The first picks of a selection: rank and name of the file, and a small JPEG."""
    rows = _rows(
        views.connect(root),
        """SELECT sample_id, source_uri, rank FROM selections JOIN samples USING (sample_id) WHERE selection = ?
        ORDER BY rank LIMIT ?""",
        [selection, most],
    )
    small = _small(root, [row["sample_id"] for row in rows])
    return [(f"{row['rank']}. {file_name(row['source_uri'])}", small[row["sample_id"]]) for row in rows]


def thumbnails_in(root: Root, batches: list[str], most: int = 12) -> list[tuple[str, bytes]]:
    """Some samples that these batches brought, spread by their ids: the name of the file, and a small JPEG."""
    if not batches:
        return []
    marks = ", ".join("?" for _ in batches)
    rows = _rows(
        views.connect(root),
        f"SELECT sample_id, source_uri FROM samples WHERE batch_id IN ({marks}) ORDER BY sample_id LIMIT ?",
        [*batches, most],
    )
    small = _small(root, [row["sample_id"] for row in rows])
    return [(file_name(row["source_uri"]), small[row["sample_id"]]) for row in rows]


def thumbnails_staged(root: Root, staged: Staged, most: int = 12) -> list[tuple[str, bytes]]:
    """Some of what a gate looks at, spread over it: the name of the file, and a small JPEG.

    What stands before ingest has its pictures in staging, everything else refers to samples.
    """
    if staged.stage == "ingest":
        return _thumbnails_of_shards(root, staged.subject, most)
    rows = staging.read_rows(root, staged.rows_uri)
    if rows is None or "sample_id" not in rows.column_names:
        return []
    ids = list(dict.fromkeys(one for one in rows["sample_id"].to_pylist() if one))
    captions = {one: one for one in ids[:: -(-len(ids) // most) or 1]}
    small = _small(root, list(captions))
    marks = ", ".join("?" for _ in captions)
    sql = f"SELECT sample_id, source_uri FROM samples WHERE sample_id IN ({marks})"
    found = _rows(views.connect(root), sql, list(captions)) if captions else []
    names = {row["sample_id"]: file_name(row["source_uri"]) for row in found}
    return [(names[one], small[one]) for one in captions if one in small and one in names]


def _thumbnails_of_shards(root: Root, batch: str, most: int) -> list[tuple[str, bytes]]:
    for uri in staging.staged_uris(root, batch, "ingest"):
        rows = staging.read_rows(root, uri)
        if rows is not None and "thumbnail" in rows.column_names and "uri" in rows.column_names:
            seen = rows.select(["uri", "thumbnail"]).filter(rows["thumbnail"].is_valid())
            return [
                (file_name(row["uri"]), _smaller(row["thumbnail"]))
                for row in seen.take(list(range(0, len(seen), -(-len(seen) // most) or 1))).to_pylist()
            ]
    return []


def file_name(uri: str) -> str:
    """The last two parts of a URI's path, as people read them."""
    path = os.fsdecode(urllib.parse.unquote_to_bytes(uri))
    return "/".join(path.rsplit("/", 2)[-2:]).encode("utf-8", "replace").decode()


def selected(root: Root, connection: Any, most: int) -> list[Picture]:
    """The first picks of the newest selection, in the order of their rank."""
    rows = _rows(
        connection,
        """SELECT p.sample_id, p.rank, p.reason, s.source_uri FROM selections p JOIN samples s USING (sample_id)
        WHERE p.selection = (SELECT selection FROM selections ORDER BY created_at DESC, selection LIMIT 1)
        ORDER BY p.rank LIMIT ?""",
        [most],
    )
    return _pictures(root, rows, lambda row: f"{row['rank']}. {row['reason']}")


def named(root: Root, connection: Any, captions: dict[str, str]) -> list[Picture]:
    """Certain samples, with a caption each, in that order."""
    if not captions:
        return []
    marks = ", ".join("?" for _ in captions)
    rows = _rows(connection, f"SELECT sample_id, source_uri FROM samples WHERE sample_id IN ({marks})", list(captions))
    order = {sample: place for place, sample in enumerate(captions)}
    rows.sort(key=lambda row: order[row["sample_id"]])
    return _pictures(root, rows, lambda row: captions[row["sample_id"]])


def duplicate_groups(root: Root, connection: Any, most: int, repeats: int) -> list[Group]:
    """The largest groups of duplicates, each with its kept sample and the first of its repeats."""
    rows = _rows(
        connection,
        """WITH largest AS (
            SELECT kept_id, count(*) AS size FROM duplicates GROUP BY kept_id ORDER BY size DESC, kept_id LIMIT ?)
        SELECT d.kept_id, l.size, d.sample_id, d.kind, d.distance, s.source_uri, k.source_uri AS kept_uri
        FROM largest l JOIN duplicates d USING (kept_id) JOIN samples s ON s.sample_id = d.sample_id
        JOIN samples k ON k.sample_id = d.kept_id
        QUALIFY row_number() OVER (PARTITION BY d.kept_id ORDER BY d.distance, d.sample_id) <= ?
        ORDER BY l.size DESC, d.kept_id, d.distance, d.sample_id""",
        [most, repeats],
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["kept_id"], []).append(row)
    small = _small(root, [*groups, *(row["sample_id"] for row in rows)])
    return [
        Group(
            _picture(kept, small[kept], members[0]["kept_uri"], "kept"),
            [
                _picture(
                    row["sample_id"],
                    small[row["sample_id"]],
                    row["source_uri"],
                    f"{row['kind']}, {row['distance']:.3g}",
                )
                for row in members
            ],
            members[0]["size"] - len(members),
        )
        for kept, members in groups.items()
    ]


def _pictures(root: Root, rows: list[dict[str, Any]], caption: Any) -> list[Picture]:
    small = _small(root, [row["sample_id"] for row in rows])
    return [_picture(row["sample_id"], small[row["sample_id"]], row["source_uri"], caption(row)) for row in rows]


def _picture(sample: str, jpeg: bytes, title: str, caption: str) -> Picture:
    height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    return Picture(sample, data_uri(jpeg), title, caption, (width, height))


def _small(root: Root, ids: list[str]) -> dict[str, bytes]:
    """Small JPEGs of samples, by id."""
    samples = tables.open_table(root, "samples")
    if samples is None or not ids:
        return {}
    found = tables.lookup(samples, "sample_id", list(dict.fromkeys(ids)), ["thumbnail"])
    return {row["sample_id"]: _smaller(row["thumbnail"]) for row in found.to_pylist()}


def _smaller(jpeg: bytes) -> bytes:
    return thumbnail.encode(thumbnail.shrink(decode_thumbnail(jpeg), SHORT_SIDE), QUALITY)


def data_uri(jpeg: bytes) -> str:
    """A JPEG as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _rows(connection: Any, sql: str, params: list[Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql, params=params).to_arrow_table().to_pylist()
    return rows
