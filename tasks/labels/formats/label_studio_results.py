"""What Label Studio calls results, from and to our values: shares of 100 there, pixels of the upright original here.

A mask of several polygons is several regions there; which belong together is told by their `meta`, beside crowds and
tracks. Comments, ratings and whatever else people add to a page are not labels and are passed over.
"""

from collections.abc import Iterable, Iterator
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


def _label(results: list[Result], label_type: LabelType, size: Size | None) -> Value:
    about: dict[str, Any] = {}
    of_region: dict[str, dict[str, Any]] = {}
    answers: list[str] = []
    chosen: list[str] = []
    regions: list[Result] = []
    for result in results:
        kind = result["type"]
        if kind != "choices":
            regions += [result] if kind not in _NO_LABELS else []
            continue
        choices = [str(one) for one in result["value"]["choices"]]
        attribute = as_attribute(result["from_name"], choices[0]) if choices else None
        if result["from_name"] == ANSWER:
            answers += choices
        elif attribute:
            is_of_region = {"x", "points", "rle"} & set(result["value"])
            told = of_region.setdefault(result["id"], {}) if is_of_region else about
            told[attribute[0]] = attribute[1]
        elif result["from_name"] == LABEL or not {"x", "points", "rle"} & set(result["value"]):
            chosen += choices
    value = _answered(answers, [*chosen, *regions], results)
    if value is None:
        value = _shaped(regions, of_region, label_type, size) if label_type in ("boxes", "masks") else None
    if value is None:
        value = _classified(chosen, regions, label_type)
    return {**value, "attributes": about} if about else value


def _answered(answers: list[str], labels: list[Any], results: list[Result]) -> Value | None:
    """The answer, if one was given. It takes the place of pre-labels that were left standing, not of drawn labels."""
    if not answers:
        return None
    if len(set(answers)) > 1:
        raise BadLabel(f"both {answers[0]!r} and {answers[1]!r} were answered")
    made = [result for result in results if result["from_name"] != ANSWER and result.get("origin") == "manual"]
    if labels and made and answers[0] == "empty":
        raise BadLabel("'empty' was answered, and something labelled, too")
    return {"answer": answers[0]}


def _classified(chosen: list[str], regions: list[Result], label_type: LabelType) -> Value:
    if regions:
        raise BadLabel(f"something was drawn, where a {label_type} is asked for")
    if not chosen:
        raise BadLabel("nothing was answered")
    if label_type == "multilabel":
        return {"classes": chosen}
    if len(set(chosen)) > 1:
        raise BadLabel(f"both {chosen[0]!r} and {chosen[1]!r} were chosen")
    return {"class": chosen[0]}


def _shaped(
    regions: list[Result], of_region: dict[str, dict[str, Any]], label_type: LabelType, size: Size | None
) -> Value:
    found: list[Value] = []
    parts: dict[tuple[str, str], Value] = {}
    for region in regions:
        shape = _shape(region, label_type, size)
        shape |= {"attributes": of_region[region["id"]]} if region["id"] in of_region else {}
        mask = (region.get("meta") or {}).get("mask")
        whole = parts.setdefault((str(mask), shape["class"]), shape) if mask is not None else shape
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
