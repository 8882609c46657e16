"""A weight-free descriptor of colour and gradients, `descriptor-1`: works at once, without a network or a GPU.

Histograms of gradient orientations (Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005)
and of colour in Lab, in 4 x 4 cells, square-rooted (Arandjelovic and Zisserman, "Three things everyone should know to
improve object retrieval", 2012).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels

NAME = "descriptor-1"
DIMENSIONS = 336

SIDE = 128
"""Pixels of the square that a picture is scaled to."""

_CELLS = 4
_ORIENTATIONS = 9
_LEVELS = 4
_BLUR = 3
"""Pixels of the 128 x 128 square: coarse shapes tell more than texture without a trained network."""
_COLOUR_WEIGHT = 0.3

Vector = NDArray[np.float32]


def describe(pixels: Pixels) -> Vector:
    """Descriptor of (h, w, 3) uint8 RGB pixels: (336,) float32, unit length, no negative entries."""
    square = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(square, cv2.COLOR_RGB2LAB)
    vector = np.concatenate([_rooted(_gradients(lab[:, :, 0])), _COLOUR_WEIGHT * _rooted(_colours(lab))])
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _gradients(luma: Pixels) -> Vector:
    """Orientations of gradients, weighted by their strength, in every cell."""
    soft = cv2.GaussianBlur(luma, (0, 0), _BLUR)
    horizontal, vertical = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(horizontal, vertical)
    bins = (angle * (_ORIENTATIONS / np.pi)).astype(np.int32) % _ORIENTATIONS
    return _counts(bins, strength, _ORIENTATIONS)


def _colours(lab: Pixels) -> Vector:
    """Lightness and both colour axes, each in a few levels, in every cell."""
    even = np.ones(lab.shape[:2], np.float32)
    axes = [np.clip((lab[:, :, axis].astype(np.int32) - 64) // 32, 0, _LEVELS - 1) for axis in (1, 2)]
    axes.append(lab[:, :, 0].astype(np.int32) // (256 // _LEVELS))
    return np.concatenate([_counts(axis, even, _LEVELS) for axis in axes])


def _counts(bins: NDArray[np.int32], weights: Vector, levels: int) -> Vector:
    """(16 * levels,): the weight of each bin in each cell."""
    cell = np.arange(SIDE) // (SIDE // _CELLS)
    place = (cell[:, None] * _CELLS + cell[None, :]) * levels + bins
    counts = np.bincount(place.ravel(), weights.ravel(), minlength=_CELLS * _CELLS * levels)
    return counts.astype(np.float32)


def _rooted(counts: Vector) -> Vector:
    """Square roots of the shares: unit length, and strong bins no longer drown the others."""
    return np.asarray(np.sqrt(counts / max(float(counts.sum()), 1e-9)), np.float32)
