"""What a format cannot hold: taken out before it is written, and told in words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tasks.labels.formats.picture import Picture
from tasks.labels.formats.runs import rings
from tasks.labels.values import BadLabel, Value

Holds = frozenset[str]
"""What a format has a place for, besides classes and shapes. Of shapes: `crowd`, `track`, `score`, `attributes` (or
`attributes.NAME`, of which it holds only that it is true), `runs` and `parts` (masks that are no single polygon). Of
labels: `about` (attributes of the whole label), `empty` and `unusable`."""

EVERYTHING: Holds = frozenset(["crowd", "track", "score", "attributes", "runs", "parts", "about", "empty", "unusable"])

_WORDS = {
    "crowd": "boxes or masks that stand for many things, as if they stood for one",
    "track": "tracks, left out",
    "score": "scores, left out",
    "attributes": "attributes, left out",
    "about": "attributes of whole pictures, left out",
    "runs": "masks of pixels, as the polygons around them",
    "parts": "masks of several polygons, each polygon by itself",
    "specks": "masks too small for a polygon, left out",
    "empty": "pictures with nothing on them, left out",
    "unusable": "unusable pictures, left out",
}


def fitting(pictures: Iterable[Picture], holds: Holds) -> tuple[list[Picture], list[str]]:
    """The pictures with only what a format holds, and in words what that leaves out or changes."""
    lost: Counter[str] = Counter()
    kept: list[Picture] = []
    for picture in pictures:
        value = _kept(picture.value, holds, lost) if picture.value is not None else None
        if value is not None:
            kept.append(replace(picture, value=value))
    return kept, [f"{lost[what]:,} {words}" for what, words in _WORDS.items() if lost[what]]


def _kept(value: Value, holds: Holds, lost: Counter[str]) -> Value | None:
    answer = value.get("answer")
    if answer and answer not in holds:
        lost[answer] += 1
        return None
    if "about" not in holds and "attributes" in value:
        lost["about"] += 1
        value = {name: part for name, part in value.items() if name != "attributes"}
    if "boxes" in value:
        return {**value, "boxes": [_kept_shape(box, holds, lost) for box in value["boxes"]]}
    if "masks" in value:
        masks = [_kept_shape(part, holds, lost) for mask in value["masks"] for part in _parts(mask, holds, lost)]
        return {**value, "masks": masks} if masks else None
    return value


def _kept_shape(shape: Value, holds: Holds, lost: Counter[str]) -> Value:
    dropped = [name for name in ("crowd", "track", "score") if name in shape and name not in holds]
    lost.update(dropped)
    shape = {name: part for name, part in shape.items() if name not in dropped}
    told = shape.get("attributes")
    if told and "attributes" not in holds:
        some = {name: one for name, one in told.items() if one is True and f"attributes.{name}" in holds}
        lost["attributes"] += len([name for name in told if name not in some and told[name] is not False])
        shape = {name: part for name, part in shape.items() if name != "attributes"} | (
            {"attributes": some} if some else {}
        )
    return shape


def _parts(mask: Value, holds: Holds, lost: Counter[str]) -> list[Value]:
    if "rle" in mask and "runs" not in holds:
        lost["runs"] += 1
        try:
            mask = {name: part for name, part in mask.items() if name != "rle"} | {"polygons": rings(mask["rle"])}
        except BadLabel:
            mask = {**mask, "polygons": []}
        if not mask["polygons"]:
            lost["specks"] += 1
            return []
    if len(mask.get("polygons", [])) > 1 and "parts" not in holds:
        lost["parts"] += 1
        return [{**mask, "polygons": [ring]} for ring in mask["polygons"]]
    return [mask]
