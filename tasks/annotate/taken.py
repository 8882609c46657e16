"""What an import takes of one picture: the shapes on it, in its own pixels, and what is wrong with the others."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.labels.formats.picture import Picture
from tasks.labels.formats.scale import in_pixels
from tasks.labels.match import Target
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, Value, outside, shapes


@dataclass
class Taken:
    """What can be used of what a file says of one picture.

    Attributes:
        name: the picture, as the file names it.
        sample_id: its sample.
        value: the label; None if nothing of it can be used.
        wrong: what cannot be used, and why, a sentence each.
    """

    name: str | None
    sample_id: str | None
    value: Value | None
    wrong: list[str] = field(default_factory=list)


def take(picture: Picture, target: Target) -> Taken:
    """The label of a picture in pixels of its sample, without shapes that reach more than a pixel beyond it."""
    taken = Taken(picture.name, target.sample_id, None, list(picture.trouble))
    try:
        value = in_pixels(picture, target.width, target.height).value
    except BadLabel as error:
        taken.wrong.append(str(error))
        return taken
    if value is None or not shapes(value):
        taken.value = value
        return taken
    key = "boxes" if "boxes" in value else "masks"
    kept = []
    for place, shape in enumerate(value[key], 1):
        why = _misplaced(shape, target)
        if why:
            taken.wrong.append(f"{'box' if key == 'boxes' else 'mask'} {place} ({shape['class']}) {why}")
        else:
            kept.append(shape)
    taken.value = {**value, key: kept} if kept else None
    return taken


def with_attributes_of(value: Value, ontology: Ontology, left_out: Counter[str]) -> Value:
    """The value with only the attributes that the ontology allows, spelt as it spells them; the others are counted."""
    allowed = {one.name: one.values for one in ontology.attributes}
    value = _attributed(value, allowed, left_out)
    for key in ("boxes", "masks"):
        if key in value:
            value = {**value, key: [_attributed(shape, allowed, left_out) for shape in value[key]]}
    return value


def _misplaced(shape: Value, target: Target) -> str | None:
    if "rle" in shape and list(shape["rle"]["size"]) != [target.height, target.width]:
        return "is of another size than the picture"
    if any(outside({"masks": [shape]}, target.width, target.height)):
        return f"lies outside the picture of {target.width} x {target.height} pixels"
    return None


def _attributed(part: Value, allowed: dict[str, list[str]], left_out: Counter[str]) -> Value:
    if "attributes" not in part:
        return part
    fitting = {}
    for name, told in part["attributes"].items():
        spelt = _spelt(told, allowed[name]) if name in allowed else None
        if spelt is not None:
            fitting[name] = spelt
        elif told is not False:
            left_out[name] += 1
    rest = {name: each for name, each in part.items() if name != "attributes"}
    return rest | ({"attributes": fitting} if fitting else {})


def _spelt(told: Any, allowed: list[str]) -> str | bool | None:
    """What an ontology calls it; None if it does not allow it."""
    text = str(told).lower() if isinstance(told, bool) else str(told)
    if allowed:
        return text if text in allowed else None
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower())
