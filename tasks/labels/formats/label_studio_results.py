"""What Label Studio calls results, from and to our values: shares of 100 there, pixels of the upright original here.

A mask of several polygons is several regions there; which belong together is told by their `meta`, beside crowds and
tracks. Comments, ratings and whatever else people add to a page are not labels and are passed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.labels.formats.label_studio_brush import as_brush, from_brush
from tasks.labels.formats.label_studio_config import (
    ANSWER,
    BRUSH,
    IMAGE,
    LABEL,
    POLYGON,
    YES_OR_NO,
    as_attribute,
    attribute_control,
)
from tasks.labels.values import EMPTY, BadLabel, LabelType, Value, shapes

Result = dict[str, Any]
Size = tuple[int, int]

_DIGITS = 3
"""Pixels are told to a thousandth: shares of 100 do not come back exactly."""

_NO_LABELS = {"textarea", "rating", "number", "datetime", "relation", "pairwise", "taxonomy"}


def as_results(value: Value, size: Size) -> list[Result]:
    """A label as results; `size` is the width and height of the upright original."""
    if "answer" in value:
        results = [_chosen(ANSWER, [value["answer"]])]
    elif "class" in value or "classes" in value:
        results = [_chosen(LABEL, value["classes"] if "classes" in value else [value["class"]])]
    else:
        results = [result for number, shape in enumerate(shapes(value)) for result in _regions(shape, number, size)]
    return [*results, *_attributes(value)]


def as_prediction(value: Value, size: Size, label_type: LabelType) -> tuple[list[Result], float | None]:
    """What a model says as results, and how sure it is: its class's probability, or the mean score of its shapes.

    Of probabilities the likeliest class is taken, or all from one half up where there may be several; none is `empty`.
    """
    if "probabilities" in value:
        said = value["probabilities"]
        likeliest = max(said, key=lambda name: (said[name], name))
        if label_type == "class":
            return as_results({"class": likeliest}, size), said[likeliest]
        names = sorted(name for name in said if said[name] >= 0.5)
        return as_results({"classes": names} if names else EMPTY, size), max(said[likeliest], 1 - said[likeliest])
    scores = [shape["score"] for shape in shapes(value) if "score" in shape]
    return as_results(value, size), sum(scores) / len(scores) if scores else None


def as_label(results: Iterable[Result], label_type: LabelType, size: Size | None = None) -> Value:
    """The value that results say, not yet checked against an ontology.

    Args:
        results: of one annotation.
        label_type: what was asked for.
        size: width and height of the upright original; without it each result's own is taken.

    Raises:
        BadLabel: they cannot be read as a label of that type, and why.
    """
    try:
        return _label(list(results), label_type, size)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise BadLabel(f"a result is not as Label Studio writes them ({type(error).__name__}: {error})") from error


def _chosen(control: str, choices: list[str]) -> Result:
    return {
        "id": control,
        "from_name": control,
        "to_name": IMAGE,
        "type": "choices",
        "value": {"choices": choices},
    }


def _attributes(about: Value) -> Iterator[Result]:
    for name, told in about.get("attributes", {}).items():
        is_flag = isinstance(told, bool)
        yield _chosen(attribute_control(name, is_flag=is_flag), [YES_OR_NO[told] if is_flag else str(told)])


def _regions(shape: Value, number: int, size: Size) -> Iterator[Result]:
    meta: dict[str, Any] = {name: shape[name] for name in ("crowd", "track") if name in shape}
    places = list(_places(shape, size))
    if len(places) > 1:
        meta["mask"] = number
    for part, (control, kind, place) in enumerate(places):
        about = {
            "id": f"{number}-{part}",
            "to_name": IMAGE,
            "original_width": size[0],
            "original_height": size[1],
            "image_rotation": 0,
        }
        told = {name: one for name, one in (("meta", meta), ("score", shape.get("score"))) if one not in ({}, None)}
        yield {**about, **told, "from_name": control, "type": kind, "value": {**place, kind: [shape["class"]]}}
        for chosen in _attributes(shape):
            yield {**chosen, **about, "value": {**place, **chosen["value"]}}


def _places(shape: Value, size: Size) -> Iterator[tuple[str, str, Value]]:
    """Controls, kinds and places of the regions that make up a shape."""
    across, down = 100 / size[0], 100 / size[1]
    if "width" in shape:
        corner = {"x": shape["x"] * across, "y": shape["y"] * down}
        sides = {"width": shape["width"] * across, "height": shape["height"] * down}
        yield LABEL, "rectanglelabels", {**corner, **sides, "rotation": 0}
    elif "rle" in shape:
        yield BRUSH, "brushlabels", {"format": "rle", "rle": as_brush(shape["rle"])}
    for ring in shape.get("polygons", []):
        points = [[x * across, y * down] for x, y in zip(ring[::2], ring[1::2], strict=True)]
        yield POLYGON, "polygonlabels", {"points": points, "closed": True}


@dataclass
class _Said:
    """Results, sorted out: answers, chosen classes, regions, and attributes of the label and of each region."""

    answers: list[str] = field(default_factory=list)
    chosen: list[Result] = field(default_factory=list)
    regions: list[Result] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    of_region: dict[str, dict[str, Any]] = field(default_factory=dict)


def _label(results: list[Result], label_type: LabelType, size: Size | None) -> Value:
    said = _sorted_out(results)
    if said.answers:
        value = _answered(said)
    elif label_type in ("boxes", "masks"):
        value = _shaped(said, label_type, size)
    else:
        value = _classified(said, label_type)
    return {**value, "attributes": said.about} if said.about else value


def _sorted_out(results: list[Result]) -> _Said:
    said = _Said()
    for result in results:
        kind = result["type"]
        if kind != "choices":
            said.regions += [result] if kind not in _NO_LABELS else []
            continue
        value, control = result["value"], result["from_name"]
        is_of_region = not {"x", "points", "rle"}.isdisjoint(value)
        attribute = as_attribute(control, str(value["choices"][0])) if value["choices"] else None
        if control == ANSWER:
            said.answers += value["choices"]
        elif attribute:
            told = said.of_region.setdefault(result["id"], {}) if is_of_region else said.about
            told[attribute[0]] = attribute[1]
        elif not is_of_region:
            said.chosen.append(result)
    return said


def _answered(said: _Said) -> Value:
    """The answer. It takes the place of pre-labels that were left standing, but not of what was labelled by hand."""
    answer, *others = dict.fromkeys(said.answers)
    if others:
        raise BadLabel(f"both {answer!r} and {others[0]!r} were answered")
    if answer == "empty" and any(one.get("origin") == "manual" for one in (*said.chosen, *said.regions)):
        raise BadLabel("'empty' was answered, and something labelled, too")
    return {"answer": answer}


def _classified(said: _Said, label_type: LabelType) -> Value:
    if said.regions:
        raise BadLabel(f"something was drawn, where a {label_type} is asked for")
    names = list(dict.fromkeys(str(name) for one in said.chosen for name in one["value"]["choices"]))
    if not names:
        raise BadLabel("nothing was answered")
    if label_type == "multilabel":
        return {"classes": names}
    if len(names) > 1:
        raise BadLabel(f"both {names[0]!r} and {names[1]!r} were chosen")
    return {"class": names[0]}


def _shaped(said: _Said, label_type: LabelType, size: Size | None) -> Value:
    found: list[Value] = []
    masks: dict[tuple[str, str], Value] = {}
    for region in said.regions:
        shape = _shape(region, label_type, size)
        shape |= {"attributes": said.of_region[region["id"]]} if region["id"] in said.of_region else {}
        mask = (region.get("meta") or {}).get("mask")
        whole = shape if mask is None else masks.setdefault((str(mask), shape["class"]), shape)
        if whole is not shape and "polygons" in whole and "polygons" in shape:
            whole["polygons"] += shape["polygons"]
        else:
            found.append(shape)
    return {label_type: found} if found else EMPTY


def _shape(region: Result, label_type: LabelType, size: Size | None) -> Value:
    kind, value, meta = region["type"], region["value"], region.get("meta") or {}
    if kind not in {"boxes": ("rectanglelabels",), "masks": ("polygonlabels", "brushlabels")}[label_type]:
        raise BadLabel(f"a region of the kind {kind!r} is not among what is asked for")
    names = value.get(kind) or []
    if len(names) != 1:
        raise BadLabel(f"a region has {len(names)} classes, not one")
    if value.get("rotation") or region.get("image_rotation"):
        raise BadLabel("a region is turned: boxes stand upright here")
    stated = region["original_width"], region["original_height"]
    shape = {"class": names[0], **_pixels(kind, value, size or stated, stated)}
    shape |= {name: meta[name] for name in ("crowd", "track") if meta.get(name) is not None}
    return shape | ({"score": region["score"]} if isinstance(region.get("score"), float | int) else {})


def _pixels(kind: str, value: Value, size: Size, stated: Size) -> Value:
    across, down = size[0] / 100, size[1] / 100
    if kind == "rectanglelabels":
        return {
            "x": round(value["x"] * across, _DIGITS),
            "y": round(value["y"] * down, _DIGITS),
            "width": round(value["width"] * across, _DIGITS),
            "height": round(value["height"] * down, _DIGITS),
        }
    if kind == "brushlabels":
        return {"rle": from_brush(value["rle"], stated, size)}
    points = value["points"]
    return {"polygons": [[round(one, _DIGITS) for x, y in points for one in (x * across, y * down)]]}
