"""Labels as FiftyOne has them: a field for each ontology, of its own types."""

from typing import Any

from tasks.labels.formats.runs import rings
from tasks.labels.values import LabelType, Value
from tasks.store.ids import make_id

_FIELDS = "fiftyone.core.fields."
_LABELS = "fiftyone.core.labels."

_TYPES: dict[LabelType, tuple[str, str | None, str | None]] = {
    "class": ("Classification", None, None),
    "multilabel": ("Classifications", "classifications", "Classification"),
    "boxes": ("Detections", "detections", "Detection"),
    "masks": ("Polylines", "polylines", "Polyline"),
}
"""Of each type of labels FiftyOne's, and where that is a list, the list's name and what it is of."""

_INNER = {
    "Classification": [("id", "ObjectIdField", "_id"), ("label", "StringField", "label")],
    "Detection": [
        ("id", "ObjectIdField", "_id"),
        ("label", "StringField", "label"),
        ("bounding_box", "ListField", "bounding_box"),
        ("confidence", "FloatField", "confidence"),
        ("iscrowd", "BooleanField", "iscrowd"),
    ],
    "Polyline": [
        ("id", "ObjectIdField", "_id"),
        ("label", "StringField", "label"),
        ("points", "PolylinePointsField", "points"),
        ("confidence", "FloatField", "confidence"),
        ("closed", "BooleanField", "closed"),
        ("filled", "BooleanField", "filled"),
        ("iscrowd", "BooleanField", "iscrowd"),
    ],
}

_RESERVED = frozenset(["id", "label", "tags", "attributes", "points", "bounding_box", "confidence", "mask", "index"])


def label_field(name: str, kind: LabelType) -> dict[str, Any]:
    """The description of a field that holds labels of that type."""
    outer, many, inner = _TYPES[kind]
    if many is None:
        fields = [_plain(*one) for one in _INNER[outer]]
    else:
        parts = [_plain(*one) for one in _INNER[inner or ""]]
        fields = [_field(many, "ListField", f"{_LABELS}{inner}", parts, f"{_FIELDS}EmbeddedDocumentField")]
    return _field(name, "EmbeddedDocumentField", f"{_LABELS}{outer}", fields)


def label_document(value: Value, kind: LabelType, size: tuple[int, int], key: str) -> dict[str, Any] | None:
    """A label; None for a class that was answered with `empty` or `unusable`.

    Args:
        value: in pixels.
        kind: its type.
        size: width and height of the original, in pixels.
        key: makes the ids of its parts, the same ones for the same key.
    """
    outer, many, inner = _TYPES[kind]
    if value.get("answer") == "unusable" or (kind == "class" and "class" not in value):
        return None
    if kind == "class":
        return _part("Classification", value["class"], key)
    if kind == "multilabel":
        parts = [_part("Classification", name, f"{key}-{name}") for name in value.get("classes", [])]
    else:
        found = value.get(kind, [])
        parts = [_shape(inner or "", shape, size, f"{key}-{number}") for number, shape in enumerate(found)]
    return {"_cls": outer, many or "": parts}


def _part(kind: str, name: str, key: str) -> dict[str, Any]:
    return {"_id": {"$oid": make_id(key)[:24]}, "_cls": kind, "tags": [], "label": name}


def _shape(kind: str, shape: Value, size: tuple[int, int], key: str) -> dict[str, Any]:
    width, height = size
    told = {_safe(name): each for name, each in shape.get("attributes", {}).items()}
    told |= {"iscrowd": True} if shape.get("crowd") else {}
    told |= {"confidence": shape["score"]} if "score" in shape else {}
    part = {**told, **_part(kind, shape["class"], key), "attributes": {}}
    if "width" in shape:
        box = shape["x"] / width, shape["y"] / height, shape["width"] / width, shape["height"] / height
        return part | {"bounding_box": list(box)}
    drawn = shape.get("polygons") or rings(shape["rle"])
    points = [[[x / width, y / height] for x, y in zip(ring[::2], ring[1::2], strict=True)] for ring in drawn]
    return part | {"points": points, "closed": True, "filled": True}


def _safe(name: str) -> str:
    """A name that a database of documents takes."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    return f"{plain}_" if plain in _RESERVED or plain.startswith("_") else plain


def _plain(name: str, kind: str, place: str) -> dict[str, Any]:
    return _field(name, kind, None, [], f"{_FIELDS}FloatField" if kind == "ListField" else None) | {"db_field": place}


def _field(
    name: str, kind: str, document: str | None, fields: list[dict[str, Any]], subfield: str | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": _FIELDS + kind,
        "embedded_doc_type": document,
        "subfield": subfield,
        "fields": fields,
        "db_field": name,
    }
