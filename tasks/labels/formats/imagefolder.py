"""Hugging Face ImageFolder: `metadata.jsonl` beside the pictures.

Only written; `load_dataset("imagefolder", data_dir=FOLDER)` opens it. Boxes are `objects` with `bbox` (x, y, width and
height, in pixels) and `categories`, as its documentation has them; what only some shapes have stands in further lists,
as JSON where it has no fixed form.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.labels.formats.fitting import EVERYTHING, Holds
from tasks.labels.formats.picture import Picture
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType, Value, shapes

IMAGES = "data"
HOLDS: dict[LabelType, Holds] = {
    "class": frozenset(),
    "multilabel": frozenset(),
    "boxes": EVERYTHING - {"about", "unusable"},
    "masks": EVERYTHING - {"about", "unusable"},
}


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `data/metadata.jsonl`."""
    there = {name for picture in pictures for shape in shapes(picture.value or {}) for name in shape}
    with (folder / IMAGES / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for picture in pictures:
            line = {"file_name": Path(picture.name).name, **_told(picture.value or {}, ontology.type, there)}
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def _told(value: Value, kind: LabelType, there: set[str]) -> Value:
    if kind == "class":
        return {"label": value.get("class")}
    if kind == "multilabel":
        return {"labels": value.get("classes", [])}
    found = shapes(value)
    told: Value = {"categories": [shape["class"] for shape in found]}
    if kind == "boxes":
        told["bbox"] = [[box["x"], box["y"], box["width"], box["height"]] for box in found]
    for name in sorted(there & {"crowd", "score", "polygons"}):
        missing: Any = {"crowd": False, "polygons": []}.get(name)
        told[name] = [shape.get(name, missing) for shape in found]
    for name in sorted(there & {"track", "attributes", "rle"}):
        told[name] = [json.dumps(shape.get(name), ensure_ascii=False) for shape in found]
    return {"objects": told}
