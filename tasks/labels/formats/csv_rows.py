"""CSV: a row a label or shape; holds everything. With a column of numbers for each class it holds probabilities.

The picture is named by `file` (or file_name, filename, image, path, uri, name, sample_id), the class by `class` or
`label`; a box by x, y, width, height or by xmin, ymin, xmax, ymax, in pixels; masks and attributes are JSON. A row may
have an `answer` (empty, unusable) in place of a class.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.labels.formats.files import number, read_csv, the_file
from tasks.labels.formats.fitting import EVERYTHING, Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.formats.runs import as_runs
from tasks.labels.formats.spreadsheet import armless, unarmed
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, Value, shapes
from tasks.store.errors import UsageError

IMAGES = "images"
HOLDS: dict[LabelType, Holds] = {
    "class": EVERYTHING,
    "multilabel": EVERYTHING,
    "boxes": EVERYTHING,
    "masks": EVERYTHING,
}

_NAMES = ("file", "file_name", "filename", "image", "path", "uri", "name", "sample_id")
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_OTHERS = frozenset(["class", "label", "answer", "attributes", "image_width", "image_height", *_NAMES])

_COLUMNS: dict[LabelType, list[str]] = {
    "class": ["class"],
    "multilabel": ["class"],
    "boxes": ["class", "x", "y", "width", "height", "crowd", "track", "score"],
    "masks": ["class", "polygons", "rle", "crowd", "track", "score"],
}


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the file. Raises UsageError if it does not name pictures and classes."""
    path = the_file(place, ".csv")
    rows = list(read_csv(path))
    columns = list(rows[0]) if rows else []
    naming = next((name for name in _NAMES if name in columns), None)
    if naming is None:
        raise UsageError(f"{path} has no column that names the pictures: it needs one of {', '.join(_NAMES)}.")
    kind = wanted or _kind(columns)
    if kind != "probabilities" and not {"class", "label", "answer"} & set(columns):
        raise UsageError(f"{path} has no column that names the class: it needs `class` or `label`.")
    found = Gathered(kind)
    for line, row in enumerate(rows, 2):
        name = armless(row[naming])
        with found.row(name, f"line {line}"):
            found.see(name, row.get("image_width"), row.get("image_height"))
            _take(found, name, row, kind)
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `labels.csv`."""
    columns = ["file", *_COLUMNS[ontology.type], "attributes", "answer", "image_width", "image_height"]
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        rows.writeheader()
        for picture in pictures:
            size = {"image_width": picture.width, "image_height": picture.height}
            rows.writerows({"file": unarmed(picture.name), **size, **row} for row in _rows(picture.value or {}))


def _kind(columns: list[str]) -> Wanted:
    if {"polygons", "rle"} & set(columns):
        return "masks"
    if set(_EDGES) <= set(columns) or {"x", "y", "width", "height"} <= set(columns):
        return "boxes"
    if {"score", "confidence"} & set(columns) or not {"class", "label", "answer"} & set(columns):
        return "probabilities"
    return "class"


def _take(found: Gathered, name: str, row: dict[str, str], kind: Wanted) -> None:
    named = armless(row.get("class") or row.get("label") or "")
    score = row.get("score") or row.get("confidence") or None
    if kind == "probabilities":
        found.add(name, {named: float(score or 1)} if named else _shares(row))
        return
    if row.get("answer"):
        found.answer(name, row["answer"])
    told: Value = json.loads(row["attributes"]) if row.get("attributes") else {}
    if not named:
        found.about(name, told)
    elif kind in ("class", "multilabel"):
        found.add(name, {"class": named, "attributes": told})
    else:
        said = {"score": float(score) if score else None, "track": _json(row.get("track")), "attributes": told}
        crowd = (row.get("crowd") or "").lower() in ("1", "true")
        found.add(name, {"class": named, "crowd": crowd, **said, **_places(row, kind)})


def _shares(row: dict[str, str]) -> Value:
    return {armless(name): float(cell) for name, cell in row.items() if name not in _OTHERS and cell}


def _places(row: dict[str, str], kind: Wanted) -> Value:
    if kind == "masks":
        drawn = {name: json.loads(row[name]) for name in ("polygons", "rle") if row.get(name)}
        return {name: as_runs(part) if name == "rle" else part for name, part in drawn.items()}
    if not row.get("xmin"):
        return {name: _number(row, name) for name in ("x", "y", "width", "height")}
    left, top, right, bottom = (_number(row, edge) for edge in _EDGES)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _number(row: dict[str, str], name: str) -> float:
    if not row.get(name):
        raise BadLabel(f"{name} is missing")
    return float(row[name])


def _json(cell: str | None) -> Any:
    """A track as it was: a number or a text."""
    try:
        return json.loads(cell) if cell else None
    except ValueError:
        return cell


def _rows(value: Value) -> Iterator[dict[str, object]]:
    about = {"attributes": _told(value)} if value.get("attributes") else {}
    if "answer" in value:
        yield {"answer": value["answer"], **about}
    elif "class" in value or "classes" in value:
        for name in value.get("classes") or [value["class"]]:
            yield {"class": unarmed(name), **about}
    else:
        if about:
            yield {**about}
        yield from map(_row, shapes(value))


def _row(shape: Value) -> dict[str, object]:
    row: dict[str, object] = {"class": unarmed(shape["class"]), "attributes": _told(shape)}
    row |= {name: number(shape[name]) for name in ("x", "y", "width", "height", "score") if name in shape}
    row |= {name: json.dumps(shape[name]) for name in ("polygons", "rle", "track") if name in shape}
    return row | ({"crowd": 1} if shape.get("crowd") else {})


def _told(part: Value) -> str:
    return json.dumps(part["attributes"], ensure_ascii=False) if part.get("attributes") else ""
