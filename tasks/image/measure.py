"""How a picture looks, in five numbers, measured on the thumbnail so that they compare across resolutions."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels

_LEVELS = np.arange(256, dtype=np.float64)


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
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    saturation = cv2.mean(cv2.extractChannel(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), 1))[0]
    return Measures(
        brightness=float(mean) / 255,
        contrast=float(np.sqrt(shares @ (_LEVELS - mean) ** 2)) / 255,
        sharpness=float(edges[0, 0]) / 255,
        entropy=_entropy(shares),
        saturation=saturation / 255,
    )


def _entropy(shares: NDArray[np.float64]) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum()) + 0.0
