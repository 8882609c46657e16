"""Pascal VOC: an XML file a picture, boxes only.

Read by hand, since supervision and labelformat drop `difficult`, `truncated` and other attributes. xmin to ymax are
taken and written as edges, counted from 0, as CVAT, labelImg and most converters have them; in the VOC of 2012 itself
they are pixels counted from 1, so that its left and upper edges come out one pixel further in. A file without objects
is a picture with nothing on it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tasks.labels.formats.files import number, read_xml
from tasks.labels.formats.fitting import Holds
from tasks.labels.formats.gather import Gathered
from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.formats.xml import put, told, write_xml
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, Value, shapes
from tasks.store.errors import UsageError

IMAGES = "JPEGImages"
HOLDS: dict[LabelType, Holds] = {"boxes": frozenset(["attributes", "empty"])}

_FLAGS = ("truncated", "difficult", "occluded")


def read(place: Path, wanted: Wanted | None = None) -> Contents:
    """Read the folder, or one file. Raises UsageError if one of the files is none."""
    files = sorted(place.rglob("*.xml")) if place.is_dir() else [place]
    found = Gathered(wanted or "boxes")
    for path in files:
        document = read_xml(path)
        if document.tag != "annotation":
            raise UsageError(f"{path} is no Pascal VOC: it begins with <{document.tag}>.")
        name = (document.findtext("filename") or "").strip() or path.stem
        found.see(name, document.findtext("size/width"), document.findtext("size/height"))
        for row, one in enumerate(document.iter("object"), 1):
            with found.row(name, f"object {row} of {path.name}"):
                found.add(name, _box(one))
    if not files:
        raise UsageError(f"{place} is no folder of Pascal VOC labels: it holds no XML files.")
    return found.contents()


def write(folder: Path, pictures: Sequence[Picture], _ontology: Ontology) -> None:
    """Write `Annotations/`."""
    for picture in pictures:
        name = picture.name.removeprefix(f"{IMAGES}/")
        path = (folder / "Annotations" / name).with_suffix(".xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_xml(path, _document(name, picture))


def _box(one: Any) -> Value:
    edges = {}
    for edge in ("xmin", "ymin", "xmax", "ymax"):
        text = one.findtext(f"bndbox/{edge}")
        if text is None:
            raise BadLabel(f"it has no {edge}")
        edges[edge] = float(text)
    attributes: Value = {name: True for name in _FLAGS if (one.findtext(name) or "").strip() in ("1", "true")}
    pose = (one.findtext("pose") or "").strip()
    if pose and pose != "Unspecified":
        attributes["pose"] = pose
    for each in one.iterfind("attributes/attribute"):
        attributes[(each.findtext("name") or "").strip()] = told(each.findtext("value"))
    return {
        "class": (one.findtext("name") or "").strip(),
        "x": edges["xmin"],
        "y": edges["ymin"],
        "width": edges["xmax"] - edges["xmin"],
        "height": edges["ymax"] - edges["ymin"],
        "attributes": attributes,
    }


def _document(name: str, picture: Picture) -> ET.Element:
    document = ET.Element("annotation")
    put(document, "filename", name)
    size = put(document, "size")
    for tag, side in (("width", picture.width), ("height", picture.height), ("depth", 3)):
        put(size, tag, side)
    put(document, "segmented", 0)
    for box in shapes(picture.value or {}):
        _put_object(document, box)
    return document


def _put_object(document: ET.Element, box: Value) -> None:
    attributes = dict(box.get("attributes", {}))
    element = put(document, "object")
    put(element, "name", box["class"])
    pose = attributes.pop("pose") if isinstance(attributes.get("pose"), str) else "Unspecified"
    put(element, "pose", pose)
    for flag in _FLAGS:
        is_flag = isinstance(attributes.get(flag), bool)
        put(element, flag, int(attributes.pop(flag)) if is_flag else 0)
    bounds = put(element, "bndbox")
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    for edge, place in (("xmin", box["x"]), ("ymin", box["y"]), ("xmax", right), ("ymax", bottom)):
        put(bounds, edge, number(place))
    if attributes:
        more = put(element, "attributes")
        for told_name, value in attributes.items():
            one = put(more, "attribute")
            put(one, "name", told_name)
            put(one, "value", value)
