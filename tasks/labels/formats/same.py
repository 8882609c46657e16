"""Whether two labels say the same, though one went through a format that rounds or sorts."""

import math

from tasks.labels.values import Value


def same(one: Value, other: Value, tolerance: float = 0.05) -> bool:
    """Whether two values say the same: shapes in any order, to within so many pixels; false is as good as unsaid."""
    key = next((key for key in ("boxes", "masks") if key in one), None)
    if key is None or key not in other:
        return _without_false(one) == _without_false(other)
    if _without_false({**one, key: 0}) != _without_false({**other, key: 0}) or len(one[key]) != len(other[key]):
        return False
    left = list(other[key])
    for shape in one[key]:
        twin = next((place for place, each in enumerate(left) if _close(shape, each, tolerance)), None)
        if twin is None:
            return False
        left.pop(twin)
    return True


def _without_false(value: Value) -> Value:
    told = {name: one for name, one in value.get("attributes", {}).items() if one is not False}
    rest = {name: part for name, part in value.items() if name != "attributes"}
    return rest | ({"attributes": told} if told else {})


def _close(one: Value, other: Value, tolerance: float) -> bool:
    spots = [_spots(one), _spots(other)]
    if len(spots[0]) != len(spots[1]) or any(
        not math.isclose(a, b, rel_tol=0, abs_tol=tolerance) for a, b in zip(*spots, strict=True)
    ):
        return False
    places = ("x", "y", "width", "height", "polygons")
    plain = [{name: part for name, part in each.items() if name not in places} for each in (one, other)]
    return _without_false(plain[0]) == _without_false(plain[1])


def _spots(shape: Value) -> list[float]:
    if "width" in shape:
        return [shape["x"], shape["y"], shape["width"], shape["height"]]
    return [number for ring in shape.get("polygons", []) for number in (math.nan if not ring else len(ring), *ring)]
