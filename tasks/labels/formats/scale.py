"""Shapes in the pixels of the picture that they belong to."""

from dataclasses import replace

from tasks.labels.formats.picture import Picture
from tasks.labels.formats.runs import resized
from tasks.labels.values import BadLabel, Value


def in_pixels(picture: Picture, width: int, height: int) -> Picture:
    """The picture with its shapes in pixels of `width` x `height`; as it is, if it has none.

    Shapes that were told for another size are scaled.

    Raises:
        BadLabel: that other size is of another shape: it is not this picture, or was not upright.
    """
    if picture.value is None or not ({"boxes", "masks"} & set(picture.value)):
        return picture
    across, down = (1, 1) if picture.relative else (picture.width or width, picture.height or height)
    if (across, down) == (width, height):
        return picture
    if not picture.relative and abs(across * height - down * width) > max(width, height, across, down):
        raise BadLabel(f"it is told for {across} x {down} pixels, but the upright picture has {width} x {height}")
    value = scaled(picture.value, width / across, height / down)
    return replace(picture, value=value, width=width, height=height, relative=False)


def scaled(value: Value, across: float, down: float) -> Value:
    """The value with its shapes stretched; masks of runs become those of the other size."""
    if "boxes" in value:
        return {**value, "boxes": [_scaled_box(box, across, down) for box in value["boxes"]]}
    if "masks" in value:
        return {**value, "masks": [_scaled_mask(mask, across, down) for mask in value["masks"]]}
    return value


def _scaled_box(box: Value, across: float, down: float) -> Value:
    places = {"x": box["x"] * across, "width": box["width"] * across}
    return {**box, **places, "y": box["y"] * down, "height": box["height"] * down}


def _scaled_mask(mask: Value, across: float, down: float) -> Value:
    if "rle" in mask:
        return {**mask, "rle": resized(mask["rle"], across, down)}
    factors = (across, down)
    rings = [[number * factors[place % 2] for place, number in enumerate(ring)] for ring in mask["polygons"]]
    return {**mask, "polygons": rings}
