"""Write an export: a folder that another tool opens."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc

from tasks.export.atlas import write_parquet
from tasks.export.chosen import chosen_samples
from tasks.export.fiftyone import dataset_document, samples_document
from tasks.image.upright import write_upright
from tasks.progress import advance
from tasks.store import staging
from tasks.store.errors import UsageError
from tasks.store.root import Root, open_root
from tasks.store.storage import to_path, to_uri
from tasks.unit import unit

Format = Literal["fiftyone", "coco", "parquet"]

QUALITY = 95
MAX_CPU_S = 60

_MARKER = "winnow-export.json"
"""Written first: a folder that has it with the same content is an export that may be written again."""


@dataclass(frozen=True)
class Exported:
    """What was written: where, how many samples, and how many of them only as thumbnails."""

    place: str
    samples: int
    thumbnails: int


@unit("export")
def export(
    root: str,
    folder: str,
    form: Format,
    selection: str | None,
    where: str | None,
    *,
    originals: bool = True,
    places: str | None = None,
) -> Exported:
    """Write samples into a folder of this machine, in the format of another tool.

    Args:
        root: URI of the root.
        folder: a folder that is empty, not there yet, or the same export, which is written again.
        form: `fiftyone` (a FiftyOne dataset), `coco` (images and a skeleton without labels) or `parquet` (one file with
            thumbnails).
        selection: name of the selection; the newest if neither it nor `where` is given.
        where: condition over the columns of the view `samples`.
        originals: full-size images, read again from the source where they are unchanged; else thumbnails.
        places: Parquet with sample_id, x and y, the columns `x` and `y` of what is exported.

    Raises:
        UsageError: nothing is chosen, or the folder holds something else.
    """
    opened = open_root(root)
    rows = _placed(opened, chosen_samples(opened, selection, where), places)
    place = _claimed(folder, {"root": root, "format": form, "selection": selection, "where": where})
    advance("export", 0, len(rows))
    if form == "parquet":
        write_parquet(opened, place / "samples.parquet", rows)
        return Exported(str(place / "samples.parquet"), len(rows), len(rows))
    written: list[dict[str, Any]] = []
    quality = QUALITY if originals else None
    for part in write_upright(opened, to_uri(place / "data"), rows, quality=quality, max_cpu_s=MAX_CPU_S):
        written += [{**row, "file": f"data/{row['sample_id']}.jpg"} for row in part]
        advance("export", len(part))
    for name, content in _documents(form, place.name, rows.schema, written).items():
        (place / name).write_bytes(content)
    return Exported(str(place), len(rows), sum(row["pixels"] == "thumbnail" for row in written))


def _placed(root: Root, rows: pa.Table, places: str | None) -> pa.Table:
    """The rows with their places on the map; null where a sample came after it was drawn."""
    known = staging.read_rows(root, places, ["sample_id", "x", "y"]) if places else None
    if known is None:
        return rows
    where = pc.index_in(rows["sample_id"], value_set=known["sample_id"].combine_chunks())
    for name in ("x", "y"):
        rows = rows.append_column(name, known[name].take(where).cast(pa.float32()))
    return rows


def as_format(name: str) -> Format:
    """The format of that name. Raises UsageError if there is none."""
    for known in get_args(Format):
        if name == known:
            return cast(Format, known)
    raise UsageError(f"--format is {name!r}; it can be {', '.join(get_args(Format))}.")


def _documents(form: Format, name: str, columns: pa.Schema, rows: list[dict[str, Any]]) -> dict[str, bytes]:
    if form == "coco":
        return {"labels.json": _coco(name, rows)}
    columns = columns.append(pa.field("pixels", pa.string()))
    return {"metadata.json": dataset_document(name, columns), "samples.json": samples_document(rows)}


def _coco(name: str, rows: list[dict[str, Any]]) -> bytes:
    """Images without annotations; sizes are those of the files, which are upright."""
    images = [
        {
            "id": number,
            "file_name": row["file"].removeprefix("data/"),
            "width": row["file_width"],
            "height": row["file_height"],
            "sample_id": row["sample_id"],
        }
        for number, row in enumerate(rows, 1)
    ]
    skeleton = {"info": {"description": name}, "images": images, "annotations": [], "categories": []}
    return json.dumps(skeleton, indent=1).encode()


def _claimed(folder: str, asked: dict[str, str | None]) -> Path:
    """The folder, made and marked as this export's own."""
    uri = to_uri(folder)
    if not uri.startswith("file://"):
        raise UsageError(f"{folder} is no folder of this machine: export there, and copy it where it is needed.")
    place, marker = to_path(uri), to_path(uri) / _MARKER
    told = json.dumps(asked, indent=1)
    try:
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()) and (not marker.is_file() or marker.read_text() != told):
            raise UsageError(f"{place} holds something else: name a folder that is empty or not there yet.")
        marker.write_text(told)
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}): name another folder.") from error
    return place
