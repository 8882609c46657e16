"""A 256-bit perceptual hash whose eight orientations can be had from its bits alone.

The hash holds the signs of the 16 x 16 lowest non-constant DCT frequencies of the picture shrunk to 64 x 64 (after
Facebook's PDQ, 2019, which compares with the median instead: as precise on edited photographs, see
tests/benchmarks). A mirrored picture has the same coefficients with the odd ones negated, a transposed one has them
transposed, so both are exact on the bits.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels

BITS = 256
SIDE = 16

_FREQUENCIES = np.arange(1, SIDE + 1)
_BASIS = np.cos(np.pi * (2 * np.arange(64) + 1)[None, :] * _FREQUENCIES[:, None] / 128).astype(np.float32)
_ODD = (_FREQUENCIES % 2).astype(bool)
_EVEN_BITS = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, 1::2], axis=1)[:, 0] >> 4
"""The second, fourth, sixth and eighth bit of every byte."""
_FLAT = 1e-3
"""Coefficients below it are rounding noise of an even area, and count as zero."""


def perceptual_hash(grey: Pixels) -> bytes:
    """Hash of a grey picture, (h, w) uint8, of any size: 32 bytes, row-major signs of the frequencies."""
    height, width = grey.shape
    if min(height, width) >= 256:  # quicker in two steps, and still 128 pixels to average
        grey = cv2.resize(grey, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_LINEAR)
    shrunk = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.packbits((_BASIS @ shrunk @ _BASIS.T) > _FLAT).tobytes()


def unmirrored(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The quarter of the bits that is the same in every mirrored version: those with two even frequencies.

    Args:
        hashes: (n, 32) packed bits.

    Returns:
        (n, 8) packed bits.
    """
    rows = hashes.reshape(-1, SIDE, 2)[:, 1::2]
    return np.asarray(_EVEN_BITS[rows[:, :, 0]] << 4 | _EVEN_BITS[rows[:, :, 1]], np.uint8)


def orientations(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hashes of all eight turned and mirrored versions.

    Args:
        hashes: (n, 32) packed bits.

    Returns:
        (8, n, 32): the hash itself first.
    """
    bits = np.unpackbits(hashes, axis=1).reshape(-1, SIDE, SIDE).astype(bool)
    versions = []
    for turned in (bits, bits.transpose(0, 2, 1)):
        for mirrored in (turned, turned ^ _ODD[None, None, :]):
            versions += [mirrored, mirrored ^ _ODD[None, :, None]]
    flat = np.stack(versions).reshape(8, len(hashes), BITS)
    return np.packbits(flat, axis=2)
