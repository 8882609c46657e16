"""Write pictures with their labels in a format of labels."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.export.labels import Labels
from tasks.image.seen import MAX_CPU_S
from tasks.image.upright import write_upright
from tasks.labels.formats import WRITERS, write_labels
from tasks.labels.formats.picture import Picture
from tasks.labels.formats.scale import in_pixels
from tasks.progress import advance
from tasks.store.root import Root
from tasks.store.storage import to_uri

_FILES = "winnow-files.json"
"""The files of an export: written again, it takes away those that it has no longer."""


def write_labelled(
    root: Root, place: Path, form: str, rows: pa.Table, labels: Labels, quality: int | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the samples with a label that the format holds; what was written, and in words what it cannot hold.

    Args:
        root: where the dataset is.
        place: the folder.
        form: name of the format.
        rows: columns of `chosen_samples`.
        labels: of these samples.
        quality: JPEG quality of the images; None for thumbnails, to which shapes are scaled.
    """
    writer = WRITERS[form]
    _take_away(place)
    there = _files(place)
    labelled = rows.filter(pc.is_in(rows["sample_id"], value_set=pa.array(labels.values, pa.string())))
    advance("export", 0, len(labelled))
    written: list[dict[str, Any]] = []
    for part in write_upright(root, to_uri(place / writer.IMAGES), labelled, quality=quality, max_cpu_s=MAX_CPU_S):
        written += part
        advance("export", len(part))
    pictures = [_picture(row, labels, writer.IMAGES) for row in written]
    kept, words = write_labels(form, place, pictures, labels.ontology)
    names = {picture.name for picture in kept}
    made = sorted(_files(place) - there)
    (place / _FILES).write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return [row for row, picture in zip(written, pictures, strict=True) if picture.name in names], words


def _picture(row: dict[str, Any], labels: Labels, folder: str) -> Picture:
    """The picture as its file is, with its shapes in pixels of that file."""
    sample_id = row["sample_id"]
    name = str(Path(folder, f"{sample_id}.jpg"))
    whole = Picture(name, labels.values[sample_id], row["width"], row["height"])
    small = in_pixels(whole, row["file_width"], row["file_height"])
    return Picture(name, small.value, row["file_width"], row["file_height"])


def _files(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def _take_away(place: Path) -> None:
    """What the same export wrote before, and folders that are empty then."""
    try:
        made = json.loads((place / _FILES).read_bytes())
    except (OSError, ValueError):
        return
    for name in made:
        path = (place / name).resolve()
        if path.is_relative_to(place.resolve()):
            path.unlink(missing_ok=True)
    for folder in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
