"""The thumbnail: the one small copy of a picture that every later stage reads."""

import cv2
import simplejpeg

from tasks.image.decode import Pixels

QUALITY = 87
MAX_ASPECT = 16
"""A longer strip is squeezed: JPEG ends at 65,535 pixels, and a page should show it."""


def shrink(pixels: Pixels, short_side: int) -> Pixels:
    """The picture with `short_side` pixels on its short side; smaller ones stay as they are.

    Down to half the size every pixel counts in a bilinear sample too, at a sixth of the cost of averaging areas.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, short_side / min(height, width))
    longest = max(short_side * MAX_ASPECT, 1)
    size = (min(max(1, round(width * scale)), longest), min(max(1, round(height * scale)), longest))
    how = cv2.INTER_LINEAR if 2 * size[0] >= width and 2 * size[1] >= height else cv2.INTER_AREA
    return pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=how)


def encode(pixels: Pixels, quality: int = QUALITY) -> bytes:
    """JPEG of (h, w, 3) uint8 RGB pixels, without any metadata."""
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality, "RGB", "420")
    return jpeg
