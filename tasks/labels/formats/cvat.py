"""CVAT for images 1.1: one XML of pictures with tags, boxes, polygons and masks, and their attributes.

Read by hand, since labelformat and supervision do not know it and datumaro pins versions of pandas and Pillow that
others here cannot live with. CVAT lists every picture of a task: one without shapes has nothing on it; one without tags
is not labelled.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from tasks.labels.formats.files import number, read_xml, the_file
from tasks.labels.formats.fitting import Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.formats.runs import MAX_PIXELS, from_pixels, pixels
from tasks.labels.formats.xml import put, told, write_xml
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, Value, shapes
from tasks.store.errors import UsageError

IMAGES = "images"
HOLDS: dict[LabelType, Holds] = {
    "boxes": frozenset(["attributes", "empty"]),
    "masks": frozenset(["attributes", "runs", "empty"]),
    "class": frozenset(["about"]),
    "multilabel": frozenset(["about"]),
}

_TAGS: dict[str, tuple[str, ...]] = {"boxes": ("box",), "masks": ("polygon", "mask")}


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the file. Raises UsageError if it is none."""
    path = the_file(place, ".xml")
    document = read_xml(path)
    if document.tag != "annotations" or document.find("track") is not None:
        raise UsageError(f"{path} is not of `CVAT for images 1.1`: export it as that.")
    kind: Wanted = wanted or _kind(document)
    found = Gathered(kind)
    found.classes(name.text or "" for name in document.iterfind("meta//labels/label/name"))
    for row, image in enumerate(document.iterfind("image")):
        name = image.get("name")
        with found.row(name, f"image {row}"):
            sides = image.get("width"), image.get("height")
            found.see(name, *sides)
        for each, element in enumerate(image, 1):
            if element.tag not in _TAGS.get(kind, ("tag",)):
                found.skip(f"<{element.tag}>")
                continue
            with found.row(name, f"{element.tag} {each}"):
                found.add(name, _part(element, sides))
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], ontology: Ontology) -> None:
    """Write `annotations.xml`."""
    document = ET.Element("annotations")
    put(document, "version", "1.1")
    task = put(put(document, "meta"), "task")
    put(task, "name", folder.name)
    labels = put(task, "labels")
    for name in ontology.class_names:
        put(put(labels, "label"), "name", name)
    for row, picture in enumerate(pictures):
        name = picture.name.removeprefix(f"{IMAGES}/")
        image = put(document, "image", id=row, name=name, width=picture.width, height=picture.height)
        _put_labels(image, picture.value or {})
    write_xml(folder / "annotations.xml", document)


def _kind(document: Any) -> LabelType:
    """Boxes, unless there are only others."""
    there = {element.tag for image in document.iterfind("image") for element in image}
    if "box" in there or not there & {"polygon", "mask", "tag"}:
        return "boxes"
    return "masks" if there & {"polygon", "mask"} else "multilabel"


def _part(element: Any, sides: tuple[str | None, str | None]) -> Value:
    attributes: Value = {one.get("name") or "": told(one.text) for one in element.iterfind("attribute")}
    if element.get("occluded") == "1":
        attributes["occluded"] = True
    part: Value = {"class": element.get("label"), "attributes": attributes}
    if element.tag == "tag":
        return part
    if element.tag == "polygon":
        return part | {"polygons": [[float(one) for one in element.get("points").replace(";", ",").split(",")]]}
    if element.tag == "mask":
        return part | {"rle": _runs(element, sides)}
    left, top, right, bottom = (float(element.get(edge)) for edge in ("xtl", "ytl", "xbr", "ybr"))
    return part | {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _runs(element: Any, sides: tuple[str | None, str | None]) -> Value:
    """CVAT's runs go row by row through a window of the picture."""
    left, top, width, height = (int(element.get(name)) for name in ("left", "top", "width", "height"))
    across, down = int(sides[0] or 0), int(sides[1] or 0)
    lengths = [int(one) for one in element.get("rle").split(",")]
    fits = 0 <= left <= left + width <= across and 0 <= top <= top + height <= down and across * down <= MAX_PIXELS
    if not fits or min(lengths) < 0 or sum(lengths) != width * height:
        raise BadLabel("the runs do not fill their window of the picture")
    window = np.repeat(np.arange(len(lengths), dtype=np.uint8) % 2, lengths)
    found = np.zeros((down, across), np.uint8)
    found[top : top + height, left : left + width] = window.reshape(height, width)
    return from_pixels(found)


def _put_labels(image: ET.Element, value: Value) -> None:
    for name in [value["class"]] if "class" in value else value.get("classes", []):
        _put_attributes(put(image, "tag", label=name, source="manual"), value.get("attributes", {}))
    for shape in shapes(value):
        attributes = dict(shape.get("attributes", {}))
        occluded = int(attributes.pop("occluded", False) is True) if attributes.get("occluded") in (True, False) else 0
        common = {"label": shape["class"], "source": "manual", "occluded": occluded}
        if "width" in shape:
            edges = shape["x"], shape["y"], shape["x"] + shape["width"], shape["y"] + shape["height"]
            named = zip(("xtl", "ytl", "xbr", "ybr"), map(number, edges), strict=True)
            element = put(image, "box", **common, **dict(named), z_order=0)
        elif "polygons" in shape:
            ring = [number(one) for one in shape["polygons"][0]]
            points = ";".join(f"{x},{y}" for x, y in zip(ring[::2], ring[1::2], strict=True))
            element = put(image, "polygon", **common, points=points, z_order=0)
        else:
            element = put(image, "mask", **common, **_window(shape["rle"]), z_order=0)
        _put_attributes(element, attributes)


def _put_attributes(element: ET.Element, attributes: Value) -> None:
    for name, value in attributes.items():
        put(element, "attribute", value, name=name)


def _window(runs: Value) -> dict[str, object]:
    found = pixels(runs)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
    flat = found[top:bottom, left:right].reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *changes.tolist(), len(flat)]).tolist()
    lengths = [0, *lengths] if flat[0] else lengths
    told_runs = ", ".join(map(str, lengths))
    return {"rle": told_runs, "left": left, "top": top, "width": right - left, "height": bottom - top}
