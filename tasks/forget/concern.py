"""What a wish to forget concerns: samples and frames, their copies, their files, and what else names them."""

import urllib.parse
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import tables, views
from tasks.store.errors import UsageError
from tasks.store.ids import object_id
from tasks.store.root import Root
from tasks.store.schema import OBJECTS, SAMPLES
from tasks.store.schema_video import VIDEOS
from tasks.store.storage import to_uri
from tasks.store.tombstones import forgotten


@dataclass(frozen=True)
class Wish:
    """What somebody asks to forget: samples by id, files by path or URI, samples for which a condition holds."""

    samples: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True)
class Concern:
    """What has to go. Everything in it is text, in order, no value twice.

    Attributes:
        samples: their ids, of frames too.
        contents: ids of bytes that must not come in again: of stills, videos and rejects.
        objects: ids, on their first pass, of objects that must not be planned again.
        pictures: files of frames, below the root.
        rows: ids of the rows of objects.
        uris: of the files, as far as no other object has the same.
        names: the last parts of their paths, as far as no other file is called so.
        sizes: bytes of the files.
    """

    samples: tuple[str, ...]
    contents: tuple[str, ...]
    objects: tuple[str, ...]
    pictures: tuple[str, ...]
    rows: tuple[str, ...]
    uris: tuple[str, ...]
    names: tuple[str, ...]
    sizes: tuple[str, ...]


def concern_of(root: Root, wish: Wish) -> Concern:
    """Everything that goes with what was asked for; nothing of it, if it was forgotten before.

    A still goes with all its copies, a video with all its frames; of a frame that is asked for by itself only that
    frame goes. A file goes with every version of it that was seen.

    Raises:
        UsageError: there is no such sample or file, or the condition is wrong.
    """
    by_uri = _rows(root, OBJECTS.name, "uri", [to_uri(uri) for uri in wish.uris])
    samples = _samples(root, wish)
    _refuse_unknown_files(wish, by_uri, samples)
    stills = [row["sample_id"] for row in samples if row["media"] != "frame"]
    contents = {*stills, *(row["content_id"] for row in by_uri if row["content_id"])}
    videos = [row["video_id"] for row in _rows(root, VIDEOS.name, "video_id", contents)]
    known = [*samples, *_rows(root, SAMPLES.name, "sample_id", contents)]
    known += _rows(root, SAMPLES.name, "sample_id", _frames(root, videos))
    objects = {row["object_id"]: row for row in [*by_uri, *_rows(root, OBJECTS.name, "content_id", contents)]}
    uris, names = _names(root, objects)
    return Concern(
        samples=_ordered(row["sample_id"] for row in known),
        contents=_ordered(contents),
        objects=_ordered(object_id(row["uri"], row["version"], 0) for row in objects.values() if row["uri"]),
        pictures=_ordered("/".join(_place(row["uri"])) for row in known if row["media"] == "frame"),
        rows=_ordered(objects),
        uris=_ordered(uris),
        names=_ordered(names),
        sizes=_ordered(str(row["byte_size"]) for row in objects.values() if row["byte_size"]),
    )


def as_rows(concern: Concern) -> pa.Table:
    """As a table of two columns, to be kept until all is done."""
    pairs = [(one.name, value) for one in fields(concern) for value in getattr(concern, one.name)]
    return pa.table({"kind": [pair[0] for pair in pairs], "value": [pair[1] for pair in pairs]}, schema=_KEPT)


def from_rows(rows: pa.Table) -> Concern:
    """What `as_rows` kept."""
    kinds = {one.name: rows.filter(pc.equal(rows["kind"], one.name))["value"] for one in fields(Concern)}
    return Concern(**{name: tuple(values.to_pylist()) for name, values in kinds.items()})


_KEPT = pa.schema([("kind", pa.string()), ("value", pa.string())])

_COLUMNS = {
    OBJECTS.name: ["object_id", "uri", "version", "content_id", "byte_size"],
    SAMPLES.name: ["sample_id", "media", "uri"],
    VIDEOS.name: ["video_id"],
}


def _rows(root: Root, table: str, column: str, values: Collection[str]) -> list[dict[str, Any]]:
    """Rows as they are in the table, those of batches that were discarded too."""
    dataset = tables.open_table(root, table)
    if dataset is None or not values:
        return []
    where = pc.field(column).isin(pa.array(list(values), pa.string()))
    found: list[dict[str, Any]] = dataset.scanner(columns=_COLUMNS[table], filter=where).to_table().to_pylist()
    return found


def _samples(root: Root, wish: Wish) -> list[dict[str, Any]]:
    """The samples that are asked for by themselves: by id, by condition, or by the URI of a frame in the root."""
    asked = {*wish.samples, *(_where(root, wish.where) if wish.where is not None else ())}
    found = _rows(root, SAMPLES.name, "sample_id", asked)
    unknown = set(wish.samples) - {row["sample_id"] for row in found} - set(forgotten(root, "sample").to_pylist())
    if unknown:
        raise UsageError(
            f'There is no sample {min(unknown)!r}: `winnow query "SELECT sample_id, source_uri FROM samples"` '
            "lists them."
        )
    return [*found, *_rows(root, SAMPLES.name, "uri", [to_uri(uri) for uri in wish.uris])]


def _where(root: Root, where: str) -> list[str]:
    rows = views.query(root, f"SELECT sample_id FROM samples WHERE {where}\nORDER BY sample_id")
    if rows.column_names != ["sample_id"]:
        raise UsageError("--where takes a condition over the columns of samples, as sensor_id = 'cam-7'.")
    found: list[str] = rows["sample_id"].to_pylist()
    return found


def _refuse_unknown_files(wish: Wish, found: list[dict[str, Any]], samples: list[dict[str, Any]]) -> None:
    known = {row["uri"] for row in [*found, *samples]}
    unknown = [uri for uri in wish.uris if to_uri(uri) not in known]
    if unknown:
        raise UsageError(
            f'No file at {unknown[0]} is known: name it as `winnow query "SELECT uri FROM objects"` does, or it was '
            "forgotten before."
        )


def _frames(root: Root, videos: list[str]) -> list[str]:
    """All frames of some videos: their pictures lie in a folder of the video's name."""
    dataset = tables.open_table(root, SAMPLES.name)
    if dataset is None or not videos:
        return []
    rows = dataset.scanner(columns=["sample_id", "uri"], filter=pc.field("media") == "frame").to_table().to_pylist()
    return [row["sample_id"] for row in rows if _place(row["uri"])[1] in videos]


def _place(uri: str) -> list[str]:
    """Where the picture of a frame lies below the root: media, the video, its name."""
    return uri.split("/")[-3:]


def _names(root: Root, objects: Collection[str]) -> tuple[set[str], set[str]]:
    """URIs, and the names at their ends, that these objects have and no other one has."""
    dataset = tables.open_table(root, OBJECTS.name)
    if dataset is None or not objects:
        return set(), set()
    ours: set[str] = set()
    others: set[str] = set()
    for rows in tables.batches_of(dataset, ["object_id", "uri"]):
        for name, uri in zip(rows["object_id"].to_pylist(), rows["uri"].to_pylist(), strict=True):
            if uri is not None:
                (ours if name in objects else others).add(uri)
    return ours - others, set(map(name_of, ours)) - set(map(name_of, others))


def name_of(uri: str) -> str:
    """The last part of a path or URI, as people read it."""
    return urllib.parse.unquote(uri.rpartition("/")[2])


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
