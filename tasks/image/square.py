"""The square that a model is shown of a picture."""

import cv2
import numpy as np

from tasks.image.decode import Pixels

GREY = (124, 116, 104)
"""The mean colour of photographs, RGB: what is nothing to a model that subtracts it."""

LONGEST_STRIP = 4
"""Short sides of a strip that are scaled: 4096 x 1 pixels would become a million by 256 for the sake of its middle."""


def central_square(pixels: Pixels, side: int, crop: float) -> Pixels:
    """What a model is shown: scaled until `side` pixels are `crop` of the short side, cut out of the middle."""
    pixels = _without_ends(pixels)
    height, width = pixels.shape[:2]
    scale = side / crop / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    if size != (width, height):
        smaller = size[0] < width
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return pixels[top : top + side, left : left + side]


def square_around(pixels: Pixels, edges: tuple[float, float, float, float], crop: float, most: int) -> Pixels:
    """The square whose central `crop` share holds what lies between edges; GREY where it reaches beyond the picture.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        edges: left, top, right and bottom, in pixels.
        crop: share of the side, 0 to 1.
        most: pixels of its side; a larger one is scaled to that.
    """
    left, top, right, bottom = edges
    height, width = pixels.shape[:2]
    side = max(1, round(max(right - left, bottom - top) / crop))
    x = min(round((left + right - side) / 2), width - 1)
    y = min(round((top + bottom - side) / 2), height - 1)
    inside = pixels[max(0, y) : y + side, max(0, x) : x + side]
    scale = min(1.0, most / side)
    size = (max(1, round(inside.shape[1] * scale)), max(1, round(inside.shape[0] * scale)))
    if scale < 1:
        inside = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    side = min(side, most)
    above, before = (min(round(max(0, -one) * scale), side - part) for one, part in ((y, size[1]), (x, size[0])))
    square = np.full((side, side, 3), GREY, np.uint8)
    square[above : above + size[1], before : before + size[0]] = inside
    return square


def _without_ends(pixels: Pixels) -> Pixels:
    """A strip without what the square leaves out anyway, as much at both ends; other pictures stay as they are."""
    height, width = pixels.shape[:2]
    longest = LONGEST_STRIP * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return pixels[top : height - top, left : width - left]


def letterboxed(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """All of the picture in the upper left of a square, black beyond it; and pixels of the square a pixel of it."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (min(side, max(1, round(width * scale))), min(side, max(1, round(height * scale))))
    square = np.zeros((side, side, 3), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=how)
    return square, scale
