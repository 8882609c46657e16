"""How a picture looks, in five numbers, measured on the thumbnail so that they compare across resolutions."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels

_LEVELS = np.arange(256, dtype=np.float64)
_GRID = (96, 96)
"""Points across and down at which saturation is taken: their mean is within some 0.002 of that of all pixels."""


@dataclass(frozen=True)
class Measures:
    """Quality of one picture; the units are those of the samples table."""

    brightness: float
    contrast: float
    sharpness: float
    entropy: float
    saturation: float


def measure(pixels: Pixels, grey: Pixels) -> Measures:
    """Measure a thumbnail: (h, w, 3) uint8 RGB pixels and their (h, w) uint8 luma."""
    shares = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64) / grey.size
    mean = shares @ _LEVELS
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    variance = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - cv2.mean(edges)[0] ** 2
    points = cv2.resize(pixels, _GRID, interpolation=cv2.INTER_NEAREST)
    saturation = cv2.mean(cv2.cvtColor(points, cv2.COLOR_RGB2HSV))[1]
    return Measures(
        brightness=float(mean) / 255,
        contrast=float(np.sqrt(shares @ (_LEVELS - mean) ** 2)) / 255,
        sharpness=max(variance, 0.0) ** 0.5 / 255,
        entropy=_entropy(shares),
        saturation=saturation / 255,
    )


def _entropy(shares: NDArray[np.float64]) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum()) + 0.0
