"""The value of one label: a class, several classes, boxes or masks, or an answer that is none of these.

Values are plain JSON, so that SQL reads them. Shapes are in pixels of the upright original, from its upper left.

    class       {"class": "dress"}
    multilabel  {"classes": ["dress", "skirt"]}
    boxes       {"boxes": [{"class": "dog", "x": 8.0, "y": 12.5, "width": 40.0, "height": 30.0}, ...]}
    masks       {"masks": [{"class": "dog", "polygons": [[x, y, x, y, ...]]}, ...]}
                or, in place of polygons, "rle": {"size": [height, width], "counts": "..."} as COCO has it
    any         {"answer": "unusable"}: nobody can label this picture
                {"answer": "empty"}: nothing of what is asked for is there

A label or a shape may have "attributes": {name: value}; a shape also "crowd": true (many, as one), "track" (what is
the same thing in other frames) and, of a model, "score". Predictions of classes are
{"probabilities": {class: probability}}.
"""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from tasks.store.settings import StrictModel

LabelType = Literal["class", "multilabel", "boxes", "masks"]
Value = dict[str, Any]

UNUSABLE: Value = {"answer": "unusable"}
EMPTY: Value = {"answer": "empty"}

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Attributes = dict[str, str | bool | int | float]


class BadLabel(Exception):
    """A value that is no label; the message says why, in words."""


class _Labelled(StrictModel):
    attributes: Attributes = Field(default_factory=dict)


class _Class(_Labelled):
    name: str = Field(alias="class")


class _Classes(_Labelled):
    classes: list[str] = Field(min_length=1)


class _Shape(_Labelled):
    name: str = Field(alias="class")
    crowd: bool = False
    track: str | int | None = None
    score: Share | None = None


class _Box(_Shape):
    x: Finite
    y: Finite
    width: Annotated[Finite, Field(gt=0)]
    height: Annotated[Finite, Field(gt=0)]


class _Runs(StrictModel):
    size: tuple[int, int]
    counts: str


class _Mask(_Shape):
    polygons: list[Annotated[list[Finite], Field(min_length=6)]] | None = None
    rle: _Runs | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "_Mask":
        if (self.polygons is None) == (self.rle is None):
            raise ValueError("a mask has either polygons or rle")
        if any(len(ring) % 2 for ring in self.polygons or []):
            raise ValueError("a polygon is x, y, x, y, ...")
        return self


class _Boxes(_Labelled):
    boxes: list[_Box]


class _Masks(_Labelled):
    masks: list[_Mask]


class _Answer(_Labelled):
    answer: Literal["unusable", "empty"]


class _Probabilities(StrictModel):
    probabilities: dict[str, Share] = Field(min_length=1)


_KINDS: dict[str, type[StrictModel]] = {"class": _Class, "multilabel": _Classes, "boxes": _Boxes, "masks": _Masks}
_KEYS: dict[str, type[StrictModel]] = {
    "class": _Class,
    "classes": _Classes,
    "boxes": _Boxes,
    "masks": _Masks,
    "probabilities": _Probabilities,
}


def canonical(label_type: LabelType, value: Value) -> Value:
    """The value in its one form: keys that say nothing left out, classes of a multilabel in order, no shapes = empty.

    Raises:
        BadLabel: it is no value of that type.
    """
    plain = _checked(_Answer if "answer" in value else _KINDS[label_type], value)
    if not plain.get("boxes", True) or not plain.get("masks", True):
        return {name: part for name, part in plain.items() if name == "attributes"} | EMPTY
    if "classes" in plain:
        plain["classes"] = sorted(set(plain["classes"]))
    return plain


def canonical_prediction(value: Value) -> Value:
    """A prediction in its one form. Raises BadLabel."""
    return _checked(next((_KEYS[key] for key in _KEYS if key in value), _Probabilities), value)


def as_text(value: Value) -> str:
    """The JSON that is stored: the same value, the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def as_value(text: str) -> Value:
    """What `as_text` wrote."""
    value: Value = json.loads(text)
    return value


def shapes(value: Value) -> list[Value]:
    """The boxes or masks; none of a label that has no shapes."""
    found: list[Value] = value.get("boxes") or value.get("masks") or []
    return found


def classes(value: Value) -> list[str]:
    """Every class that a value names, as often as it does; none of an answer."""
    if "class" in value:
        return [value["class"]]
    return [*value.get("classes", []), *(shape["class"] for shape in shapes(value))]


def with_classes(value: Value, rename: Callable[[str], str | None]) -> Value:
    """The value with every class renamed; shapes and classes of a multilabel whose class becomes None are left out.

    What has nothing left becomes `empty`; a value with the one class that became None raises BadLabel.
    """
    if "class" in value:
        name = rename(value["class"])
        if name is None:
            raise BadLabel(f"there is no class {value['class']} any more")
        return {**value, "class": name}
    if "classes" in value:
        names = sorted({name for name in map(rename, value["classes"]) if name is not None})
        return {**value, "classes": names} if names else EMPTY
    for key in ("boxes", "masks"):
        if key in value:
            renamed = [{**shape, "class": rename(shape["class"])} for shape in value[key]]
            kept = [shape for shape in renamed if shape["class"] is not None]
            return {**value, key: kept} if kept else EMPTY
    return value


def outside(value: Value, width: int, height: int, slack: float = 1.0) -> Iterator[Value]:
    """Boxes and polygons that reach more than `slack` pixels beyond the picture."""
    for shape in shapes(value):
        left, top, right, bottom = bounds(shape)
        if left < -slack or top < -slack or right > width + slack or bottom > height + slack:
            yield shape


def bounds(shape: Value) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box or mask, in pixels."""
    if "width" in shape:
        return shape["x"], shape["y"], shape["x"] + shape["width"], shape["y"] + shape["height"]
    if "polygons" in shape:
        xs = [x for ring in shape["polygons"] for x in ring[::2]]
        ys = [y for ring in shape["polygons"] for y in ring[1::2]]
        return min(xs), min(ys), max(xs), max(ys)
    from pycocotools import mask

    left, top, width, height = (float(one) for one in mask.toBbox(shape["rle"]))
    return left, top, left + width, top + height


def _checked(kind: type[StrictModel], value: Value) -> Value:
    try:
        model = kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadLabel(f"{where}: {first['msg']}" if where else str(first["msg"])) from error
    plain: Value = json.loads(model.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    return plain
