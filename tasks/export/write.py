"""Write an export: a folder that another tool opens."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.export.atlas import write_parquet
from tasks.export.chosen import chosen_samples
from tasks.export.fiftyone import dataset_document, samples_document
from tasks.export.labelled import write_labelled
from tasks.export.labels import Labels, labels_in, labels_of, the_labels
from tasks.export.sides import write_sides
from tasks.image.seen import MAX_CPU_S
from tasks.image.upright import write_upright
from tasks.labels.formats import WRITERS, refuse_type
from tasks.labels.snapshot import read_snapshot
from tasks.labels.values import as_text
from tasks.progress import advance
from tasks.store import staging
from tasks.store.errors import UsageError
from tasks.store.root import Root, open_root
from tasks.store.storage import to_path, to_uri
from tasks.unit import unit

FORMATS = ("fiftyone", "parquet", *WRITERS)

QUALITY = 95

_MARKER = "winnow-export.json"
"""Written first: a folder that has it with the same content is an export that may be written again."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        place: the folder or file.
        samples: how many.
        thumbnails: how many of them only as thumbnails.
        labelled: how many of them have a label.
        left_out: samples without one, where the format is one of labels.
        cannot_hold: what the format cannot hold, in words.
    """

    place: str
    samples: int
    thumbnails: int
    labelled: int = 0
    left_out: int = 0
    cannot_hold: list[str] = field(default_factory=list)


@unit("export")
def export(
    root: str,
    folder: str,
    form: str,
    selection: str | None,
    where: str | None,
    *,
    originals: bool = True,
    places: str | None = None,
    ontology: str | None = None,
    labelled: bool = False,
    snapshot: str | None = None,
) -> Exported:
    """Write samples into a folder of this machine, in the format of another tool, with their current labels.

    Args:
        root: URI of the root.
        folder: a folder that is empty, not there yet, or the same export, which is written again.
        form: `fiftyone` (a FiftyOne dataset), `parquet` (one file with thumbnails), or a format of labels, which takes
            the samples that have one; `coco` is a skeleton without labels if none has.
        selection: name of the selection; the newest if neither it nor `where` is given.
        where: condition over the columns of the view `samples`.
        originals: full-size images, read again from the source where they are unchanged; else thumbnails.
        places: Parquet with sample_id, x and y, the columns `x` and `y` of what is exported.
        ontology: whose labels; if it is not given, all, or for a format of labels the only ones there are.
        labelled: all samples that have a label, in place of a selection or condition.
        snapshot: name of a snapshot: its samples with its labels, by their sides.

    Raises:
        UsageError: nothing is chosen, the format cannot hold these labels, or the folder holds something else.
    """
    opened = open_root(root)
    frozen = read_snapshot(opened, snapshot) if snapshot else None
    chosen = chosen_samples(opened, selection, where, labelled=labelled, snapshot=frozen)
    rows = _placed(opened, chosen, places)
    found = [labels_in(opened, frozen)] if frozen else labels_of(opened, rows["sample_id"], ontology)
    asked = {"root": root, "format": form, "selection": selection, "where": where, "ontology": ontology}
    asked |= {"labelled": "yes"} if labelled else {"snapshot": snapshot} if snapshot else {}
    quality = QUALITY if originals else None
    if form in WRITERS and (found or form != "coco"):
        labels = the_labels(found, form)
        refuse_type(form, WRITERS[form], labels.ontology.type)
        place = _claimed(folder, asked)
        write = write_sides if frozen else write_labelled
        written, words = write(opened, place, form, rows, labels, quality)
        return Exported(str(place), len(written), _small(written), len(written), len(rows) - len(labels.values), words)
    place = _claimed(folder, asked)
    advance("export", 0, len(rows))
    with_labels = len({sample_id for one in found for sample_id in one.values})
    if form == "parquet":
        write_parquet(opened, place / "samples.parquet", _labelled(rows, found))
        return Exported(str(place / "samples.parquet"), len(rows), len(rows), with_labels)
    written = []
    for part in write_upright(opened, to_uri(place / "data"), rows, quality=quality, max_cpu_s=MAX_CPU_S):
        written += [{**row, "file": f"data/{row['sample_id']}.jpg"} for row in part]
        advance("export", len(part))
    for name, content in _documents(form, place.name, rows.schema, written, found).items():
        (place / name).write_bytes(content)
    return Exported(str(place), len(rows), _small(written), with_labels)


def as_format(name: str) -> str:
    """The format of that name. Raises UsageError if there is none."""
    if name not in FORMATS:
        raise UsageError(f"--format is {name!r}; it can be {', '.join(FORMATS)}.")
    return name


def _placed(root: Root, rows: pa.Table, places: str | None) -> pa.Table:
    """The rows with their places on the map; null where a sample came after it was drawn."""
    known = staging.read_rows(root, places, ["sample_id", "x", "y"]) if places else None
    if known is None:
        return rows
    where = pc.index_in(rows["sample_id"], value_set=known["sample_id"].combine_chunks())
    for name in ("x", "y"):
        rows = rows.append_column(name, known[name].take(where).cast(pa.float32()))
    return rows


def _labelled(rows: pa.Table, found: list[Labels]) -> pa.Table:
    """The rows with a column of labels for each ontology, as JSON."""
    for labels in found:
        values = [labels.values.get(sample_id) for sample_id in rows["sample_id"].to_pylist()]
        told = pa.array([as_text(value) if value else None for value in values], pa.string())
        rows = rows.append_column(f"label_{labels.ontology.name}", told)
    return rows


def _small(written: list[dict[str, Any]]) -> int:
    return sum(row["pixels"] == "thumbnail" for row in written)


def _documents(
    form: str, name: str, columns: pa.Schema, rows: list[dict[str, Any]], found: list[Labels]
) -> dict[str, bytes]:
    if form == "coco":
        return {"labels.json": _skeleton(name, rows)}
    columns = columns.append(pa.field("pixels", pa.string()))
    return {"metadata.json": dataset_document(name, columns, found), "samples.json": samples_document(rows, found)}


def _skeleton(name: str, rows: list[dict[str, Any]]) -> bytes:
    """COCO images without annotations; sizes are those of the files, which are upright."""
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
