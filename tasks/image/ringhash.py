"""A 256-bit hash that no rotation changes: finds pictures turned by any angle, or mirrored, whatever fills the corners.

The disc around the centre is unrolled into 33 rings. Turning the picture shifts every ring, which leaves the magnitudes
of its Fourier coefficients as they are (the idea of the Fourier-Mellin transform: Casasent and Psaltis, "Position,
rotation, and scale invariant optical correlation", 1976). The bits say which of eight frequencies grow more than the
average one from each ring to the next.
"""

import cv2
import numpy as np

from tasks.image.decode import Pixels

_SIDE = 128
_RINGS = 33
_ANGLES = 128
_FREQUENCIES = 8
_FLOOR = _ANGLES / 2
"""Added to the magnitudes, so that the noise of even areas does not decide a bit."""

_TURNS = 2 * np.pi * np.outer(np.arange(1, _FREQUENCIES + 1), np.arange(_ANGLES)) / _ANGLES
_WAVES = np.concatenate([np.cos(_TURNS), np.sin(_TURNS)])
"""The eight frequencies as waves around a ring, (16, 128): a product with them is quicker than a whole transform."""


def ring_hash(grey: Pixels) -> bytes:
    """Hash of a grey picture, (h, w) uint8, of any size: 32 bytes, row-major by ring and frequency."""
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = cv2.resize(grey[top : top + side, left : left + side], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    shrunk = cv2.GaussianBlur(square, (0, 0), 1)
    centre = ((_SIDE - 1) / 2, (_SIDE - 1) / 2)
    rings = cv2.warpPolar(shrunk, (_RINGS, _ANGLES), centre, _SIDE / 2 * 0.98, cv2.INTER_LINEAR)
    waves = _WAVES @ rings
    magnitudes = np.hypot(waves[:_FREQUENCIES], waves[_FREQUENCIES:]).T
    growth = np.diff(np.log(magnitudes + _FLOOR), axis=0)
    return np.packbits(growth > growth.mean(axis=1, keepdims=True) + 1e-6).tobytes()
