"""COCO: one JSON of images, categories and annotations; with `score` where a model made them.

Read by hand, since labelformat drops attributes, tracks and crowds, supervision attributes and tracks, and both give up
at one bad row. A picture that is listed without annotations has nothing on it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.labels.formats.files import as_name, read_json, the_file
from tasks.labels.formats.fitting import EVERYTHING, Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.formats.runs import as_runs
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType, Value, bounds, shapes
from tasks.store.errors import UsageError

IMAGES = "data"
HOLDS: dict[LabelType, Holds] = {
    "boxes": EVERYTHING - {"about", "unusable"},
    "masks": EVERYTHING - {"about", "unusable"},
}


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the file. Raises UsageError if it is none."""
    path = the_file(place, ".json")
    stated = read_json(path)
    if isinstance(stated, list):
        raise UsageError(
            f"{path} is a list of results: it names neither pictures nor classes; put it under `annotations` of the "
            "file with the images and categories that the model was asked about."
        )
    parts = [stated.get(key) if isinstance(stated, dict) else None for key in ("images", "annotations", "categories")]
    if not all(isinstance(part, list) for part in parts):
        raise UsageError(f"{path} is no COCO: it needs lists of images, annotations and categories.")
    images, annotations, categories = parts
    kind: Wanted = wanted or "boxes"
    classes: dict[Any, str] = {}
    names: dict[Any, str] = {}
    found = Gathered(kind)
    for number, category in enumerate(categories or []):
        with found.row(None, f"category {number}"):
            classes[category["id"]] = as_name(category["name"])
    found.classes(classes.values())
    for number, image in enumerate(images or []):
        with found.row(None, f"image {number}"):
            names[image["id"]] = image["file_name"]
            found.see(image["file_name"], image.get("width"), image.get("height"))
    for number, one in enumerate(annotations or []):
        image_id = one.get("image_id") if isinstance(one, dict) else None
        name = names.get(image_id) if isinstance(image_id, int | str) else None
        with found.row(name, f"annotation {one.get('id', number) if isinstance(one, dict) else number}"):
            found.add(names[one["image_id"]], _shape(one, classes, kind))
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `labels.json`."""
    ids = {name: number for number, name in enumerate(ontology.class_names, 1)}
    annotations: list[Value] = []
    for number, picture in enumerate(pictures, 1):
        for shape in shapes(picture.value or {}):
            annotations.append(_annotation(shape, len(annotations) + 1, number, ids[shape["class"]]))
    document = {
        "info": {"description": folder.name},
        "images": [_image(picture, number) for number, picture in enumerate(pictures, 1)],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }
    (folder / "labels.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


def _shape(one: Value, classes: dict[Any, str], kind: Wanted) -> Value:
    shape: Value = {"class": classes[one["category_id"]], "crowd": bool(one.get("iscrowd"))}
    told = {name: each for name, each in (one.get("attributes") or {}).items() if isinstance(each, str | int | float)}
    track = told.pop("track_id", one.get("track_id"))
    shape |= {"attributes": told, "track": track, "score": one.get("score")}
    drawn = one.get("segmentation")
    outline: Value = {"rle": as_runs(drawn)} if isinstance(drawn, dict) else {"polygons": drawn}
    if kind == "masks":
        return shape | outline
    if one.get("bbox") is None and drawn:
        left, top, right, bottom = bounds(outline)
        return shape | {"x": left, "y": top, "width": right - left, "height": bottom - top}
    left, top, width, height = one["bbox"]
    return shape | {"x": left, "y": top, "width": width, "height": height}


def _image(picture: Picture, number: int) -> Value:
    name = picture.name.removeprefix(f"{IMAGES}/")
    return {"id": number, "file_name": name, "width": picture.width, "height": picture.height}


def _annotation(shape: Value, number: int, image: int, category: int) -> Value:
    left, top, right, bottom = bounds(shape)
    drawn = shape.get("rle") or shape.get("polygons") or []
    said = {"attributes": shape.get("attributes"), "score": shape.get("score"), "track_id": shape.get("track")}
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [left, top, shape.get("width", right - left), shape.get("height", bottom - top)],
        "area": _area(shape),
        "iscrowd": int(shape.get("crowd", False)),
        "segmentation": drawn,
    } | {name: one for name, one in said.items() if one is not None}


def _area(shape: Value) -> float:
    if "width" in shape:
        return float(shape["width"] * shape["height"])
    if "rle" in shape:
        from pycocotools import mask

        return float(mask.area(shape["rle"]))
    return sum(_area_of_ring(ring) for ring in shape["polygons"])


def _area_of_ring(ring: list[float]) -> float:
    """The shoelace formula."""
    xs, ys = ring[::2], ring[1::2]
    pairs = zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * later_y - later_x * y for x, y, later_x, later_y in pairs)) / 2
