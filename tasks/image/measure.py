"""How a picture looks, in five numbers, measured on the thumbnail so that they compare across resolutions."""

from dataclasses import dataclass

import cv2
import numpy as np

from tasks.image.decode import Pixels


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
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    saturation = cv2.mean(cv2.extractChannel(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), 1))[0]
    return Measures(
        brightness=float(mean[0, 0]) / 255,
        contrast=float(deviation[0, 0]) / 255,
        sharpness=float(edges[0, 0]) / 255,
        entropy=_entropy(grey),
        saturation=saturation / 255,
    )


def _entropy(grey: Pixels) -> float:
    counts = np.bincount(grey.ravel(), minlength=256)
    share = counts[counts > 0] / grey.size
    return float(-(share * np.log2(share)).sum()) + 0.0
