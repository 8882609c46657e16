"""Open Images: a CSV, a line a box, in shares of the picture's size, with flags.

Read by hand, since no library here knows it. Numbers may have decimal commas. A picture with nothing on it cannot be
told: it has no line.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from tasks.labels.formats.files import number, read_csv, the_file
from tasks.labels.formats.fitting import Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.formats.spreadsheet import armless, unarmed
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType, Value, shapes
from tasks.store.errors import UsageError

IMAGES = "images"

_FLAGS = {"occluded": "IsOccluded", "truncated": "IsTruncated", "depiction": "IsDepiction", "inside": "IsInside"}

HOLDS: dict[LabelType, Holds] = {"boxes": frozenset(["crowd", "score", *(f"attributes.{name}" for name in _FLAGS)])}

_COLUMNS = ["ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax", "IsOccluded"]
_COLUMNS += ["IsTruncated", "IsGroupOf", "IsDepiction", "IsInside"]


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the file. Raises UsageError if it is none."""
    path = the_file(place, ".csv")
    found = Gathered(wanted or "boxes", relative=True)
    for line, row in enumerate(read_csv(path), 2):
        if not {"imageid", "labelname", "xmin", "xmax", "ymin", "ymax"} <= set(row) and line == 2:
            raise UsageError(f"{path} is no Open Images: it needs ImageID, LabelName, XMin, XMax, YMin and YMax.")
        name = armless(row.get("imageid", ""))
        with found.row(name, f"line {line}"):
            found.add(name, _box(row))
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], _ontology: Ontology) -> None:
    """Write `labels.csv`."""
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, _COLUMNS, restval="", lineterminator="\n")
        rows.writeheader()
        for picture in pictures:
            name = unarmed(picture.name.removeprefix(f"{IMAGES}/"))
            rows.writerows({"ImageID": name, **_row(box, picture)} for box in shapes(picture.value or {}))


def _box(row: dict[str, str]) -> Value:
    left, right, top, bottom = (_number(row[edge]) for edge in ("xmin", "xmax", "ymin", "ymax"))
    score = row.get("confidence", "").strip()
    return {
        "class": armless(row["labelname"]),
        "x": left,
        "y": top,
        "width": right - left,
        "height": bottom - top,
        "crowd": row.get("isgroupof", "").strip() == "1",
        "score": _number(score) if score and score != "1" else None,
        "attributes": {name: True for name, flag in _FLAGS.items() if row.get(flag.lower(), "").strip() == "1"},
    }


def _number(text: str) -> float:
    return float(text.strip().replace(",", "."))


def _row(box: Value, picture: Picture) -> dict[str, object]:
    width, height = picture.width or 1, picture.height or 1
    told = box.get("attributes", {})
    return {
        "LabelName": unarmed(box["class"]),
        "Confidence": number(box["score"]) if "score" in box else "1",
        "XMin": number(box["x"] / width),
        "XMax": number((box["x"] + box["width"]) / width),
        "YMin": number(box["y"] / height),
        "YMax": number((box["y"] + box["height"]) / height),
        "IsGroupOf": int(box.get("crowd", False)),
        **{flag: int(told.get(name) is True) for name, flag in _FLAGS.items()},
    }
