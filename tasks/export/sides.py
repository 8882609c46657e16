"""Write a snapshot in a format of labels: a folder for each side, each an export of its own."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.export.labelled import write_labelled
from tasks.export.labels import Labels
from tasks.labels.formats import yolo
from tasks.labels.snapshot import SIDES
from tasks.store.root import Root


def write_sides(
    root: Root, place: Path, form: str, rows: pa.Table, labels: Labels, quality: int | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """What `write_labelled` does, below `train`, `validation` and `test`; of YOLO one `data.yaml` names all of them.

    Args:
        root: where the dataset is.
        place: the folder.
        form: name of the format.
        rows: columns of `chosen_samples`, with `side`.
        labels: of these samples.
        quality: JPEG quality of the images; None for thumbnails.
    """
    written: list[dict[str, Any]] = []
    words: list[str] = []
    for side in SIDES:
        part = rows.filter(pc.equal(rows["side"], side))
        if len(part):
            some, lost = write_labelled(root, place / side, form, part, labels, quality)
            written += some
            words += [f"{what} ({side})" for what in lost]
    if form == "yolo":
        yolo.write_sides(place, labels.ontology)
    return written, words
