"""Whether two pictures of a camera that does not move show the same: no object came, left or moved."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels

SIDE = 128
"""Short side at which pictures are compared, pixels."""

CHANGED = 5.5
"""A place has changed where the difference, beyond noise, is so many times what its structure explains."""

_WINDOW = 6
"""Pixels: a place is a square of this side, about a twentieth of the short side."""
_NOISE = 4.0
"""Grey levels by which even areas differ through noise and compression."""
_STRUCTURE = 0.5
"""Share of the local contrast by which textured areas differ through compression and vibration."""
_SWAY = 8
"""Pixels by which a camera may have moved."""
_GAINS = (0.3, 3.0)
"""How much exposure may differ."""
_FITS = 4

Plane = NDArray[np.float32]
"""One channel of a picture: (h, w) float32."""


def unchanged(one: Pixels, other: Pixels) -> bool:
    """Whether no place of either picture differs by more than noise, compression, exposure and vibration explain.

    Args:
        one: (h, w, 3) uint8, short side SIDE.
        other: the same; pictures of different shapes are never unchanged.
    """
    return bool(one.shape == other.shape) and change(one, other) < CHANGED


def change(one: Pixels, other: Pixels) -> float:
    """The strongest local difference, in units of what noise and structure explain; around 1 for a still scene."""
    first, second = _overlap(one, other)
    return float(local_change(first, second, np.ones(first[0].shape, bool)).max())


def local_change(first: list[Plane], second: list[Plane], within: NDArray[np.bool_]) -> Plane:
    """How much pictures that lie on each other differ around every pixel, in units of what is no change.

    Args:
        first: channels, (h, w) float32 each.
        second: the same of the other picture; exposure may differ.
        within: (h, w), where both show something; the rest has not changed.
    """
    pairs = [(one, _exposed_alike(one, other, within)) for one, other in zip(first, second, strict=True)]
    difference = _most([_least_difference(one, other) for one, other in pairs])
    structure = cv2.min(_most([_contrast(one) for one, _ in pairs]), _most([_contrast(other) for _, other in pairs]))
    return np.asarray(_mean_around(difference) / (_NOISE + _STRUCTURE * structure), np.float32)


def _overlap(one: Pixels, other: Pixels) -> tuple[list[Plane], list[Plane]]:
    """What both show, by channel, after the shift between them is undone."""
    height, width = one.shape[:2]
    first, second = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (one, other))
    (right, down), _ = cv2.phaseCorrelate(first, second, cv2.createHanningWindow((width, height), cv2.CV_32F))
    if max(abs(right), abs(down)) > _SWAY:
        right = down = 0.0
    shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
    moved = cv2.warpAffine(other, shift, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    rows = slice(max(0, int(np.ceil(-down))), height - max(0, int(np.ceil(down))))
    columns = slice(max(0, int(np.ceil(-right))), width - max(0, int(np.ceil(right))))
    return _planes(one[rows, columns]), _planes(moved[rows, columns])


def _planes(picture: Pixels) -> list[Plane]:
    return [channel.astype(np.float32) for channel in cv2.split(picture)]


def _exposed_alike(target: Plane, plane: Plane, within: NDArray[np.bool_]) -> Plane:
    """The plane with the gain and offset that fit the larger part of the target; the target where it shows nothing."""
    some = within[::2, ::2]
    here, there = plane[::2, ::2][some], target[::2, ::2][some]
    alike = np.ones(here.shape, bool)
    gain, offset = 1.0, 0.0
    for _ in range(_FITS if len(here) else 0):
        gain, offset = _fitted(here[alike], there[alike])
        rest = np.abs(gain * here + offset - there)
        middle = len(rest) * 7 // 10
        alike = rest <= max(float(np.partition(rest, middle)[middle]), 2.0)
    exposed = np.clip(np.float32(gain) * plane + np.float32(offset), 0, 255)
    return np.where(within, exposed, target)


def _fitted(here: Plane, there: Plane) -> tuple[float, float]:
    """Gain and offset that take one to the other with the least squared error; the gain within what cameras do."""
    spread = float(here.var())
    covariance = float((here * there).mean()) - float(here.mean()) * float(there.mean())
    gain = float(np.clip(covariance / spread, *_GAINS)) if spread > _NOISE else 1.0
    return gain, float(there.mean()) - gain * float(here.mean())


def _least_difference(first: Plane, second: Plane) -> Plane:
    """Of every pixel, the least difference to the pixels around it."""
    height, width = first.shape
    wider = cv2.copyMakeBorder(second, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    shifted = [wider[down : down + height, right : right + width] for down in range(3) for right in range(3)]
    return np.asarray(functools.reduce(cv2.min, [cv2.absdiff(first, neighbour) for neighbour in shifted]), np.float32)


def _contrast(plane: Plane) -> Plane:
    """Standard deviation around every pixel."""
    variance = _mean_around(plane * plane) - _mean_around(plane) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32)


def _most(planes: list[Plane]) -> Plane:
    return np.asarray(functools.reduce(cv2.max, planes), np.float32)


def _mean_around(plane: Plane) -> Plane:
    mean: Plane = cv2.blur(plane, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT)
    return mean
