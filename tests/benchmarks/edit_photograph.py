"""What happens to photographs that are passed on: seventeen seeded edits."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.made import jpeg

Pixels = NDArray[np.uint8]
QUALITY = 92


def edits(photograph: Pixels, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and JPEG bytes of every edit of (h, w, 3) uint8 RGB pixels."""
    chance = np.random.default_rng(seed)
    for quality in (75, 30, 10):
        yield f"jpeg{quality}", jpeg(photograph, quality)
    kinds = {
        "half": _resized(photograph, 0.5),
        "quarter": _resized(photograph, 0.25),
        "grey": _grey(photograph),
        "brightness": _toned(photograph, chance.choice([0.6, 1.4]), 1.0),
        "contrast": _toned(photograph, 1.0, chance.choice([0.6, 1.4])),
        "blur": cv2.GaussianBlur(photograph, (0, 0), 2),
        "text": _written_on(photograph, chance),
        **{f"crop{percent}": _cropped(photograph, percent / 100, chance) for percent in (10, 30, 50)},
        "rotated5": _rotated(photograph, chance.choice([-5, 5])),
        "mirrored": photograph[:, ::-1],
        "turned90": np.rot90(photograph),
    }
    for name, pixels in kinds.items():
        yield name, jpeg(np.ascontiguousarray(pixels), QUALITY)
    mixed = _written_on(_toned(_cropped(photograph, 0.1, chance), 1.2, 0.8), chance)
    yield "mixed", jpeg(np.ascontiguousarray(_resized(mixed, 0.5)[:, ::-1]), 40)


def _resized(pixels: Pixels, share: float) -> Pixels:
    return cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def _grey(pixels: Pixels) -> Pixels:
    return np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def _toned(pixels: Pixels, brightness: float, contrast: float) -> Pixels:
    mean = pixels.mean()
    return np.clip(((pixels - mean) * contrast + mean) * brightness, 0, 255).astype(np.uint8)


def _written_on(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    """A line of white text, a tenth of the picture high."""
    written = np.ascontiguousarray(pixels).copy()
    height, width = pixels.shape[:2]
    place = (int(chance.uniform(0, 0.3) * width), int(chance.uniform(0.2, 0.95) * height))
    cv2.putText(written, "for sale, as new", place, cv2.FONT_HERSHEY_SIMPLEX, height / 400, (255, 255, 255), 2)
    return written


def _cropped(pixels: Pixels, removed: float, chance: np.random.Generator) -> Pixels:
    """What is left when a share of the area is cut off, at a drawn place."""
    height, width = (int(length * (1 - removed) ** 0.5) for length in pixels.shape[:2])
    top = chance.integers(0, pixels.shape[0] - height + 1)
    left = chance.integers(0, pixels.shape[1] - width + 1)
    return pixels[top : top + height, left : left + width]


def _rotated(pixels: Pixels, degrees: float) -> Pixels:
    """Turned about its centre, with black corners."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(degrees), 1)
    return cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_LINEAR)
