"""Verify: whether one picture shows nothing that another one does not, found by local features.

Local features (Lowe, "Distinctive image features from scale-invariant keypoints", 2004; square-rooted after
Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", 2012) propose how one
picture lies in the other (RANSAC: Fischler and Bolles, 1981). Then the pixels decide: laid over each other, nearly all
of both has to agree. Things photographed on the same backdrop share features there, but do not agree.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.image.decode import Pixels
from tasks.image.unchanged import SIDE, local_change, unchanged

MOST_FEATURES = 200
INLIERS = 10
"""Features that have to lie alike."""
COVERED = 0.85
"""Share of a picture that has to lie within the one that it repeats."""
AGREEING = 0.8
"""Share of the structure that has to be the same: copies reach 0.85 to 1, other things on one backdrop at most 0.76."""
DIFFERENT = 0.08
"""Share of the area that may differ: copies with a line of text over them reach 0.07, other things begin at 0.1."""

_CONTRAST = 0.01
_RATIO = 0.8
_SCALES = (0.2, 5.0)
_HALF = 0.5
_WINDOW = 8
"""Pixels at half of SIDE: structure is compared in squares of this side."""
_FLAT = 36.0
"""Variance of grey levels below which a square has no structure."""
_NOISE = 4.0
"""Variance of grey levels that compression leaves."""
_CORRELATED = 0.6
_DIFFERS = 2.5
"""A place differs where the change is so many times what noise and structure explain."""
_STILL = 0.015
"""Share of the long side by which corners may move where two pictures count as taken from one place."""

_MIRRORED = np.array(
    [((3 - row) * 4 + column) * 8 + (8 - angle) % 8 for row in range(4) for column in range(4) for angle in range(8)]
)
"""Where each entry of a descriptor lies in that of the mirrored picture."""

Grey = NDArray[np.uint8]
Matrix = NDArray[np.float32]

Features = tuple[Matrix, NDArray[np.float16]]
"""Points (n, 2), pixels from the upper left, and unit descriptors (n, 128)."""


class Sight:
    """What is remembered of a picture while others are compared with it.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, short side SIDE.
    """

    def __init__(self, pixels: Pixels) -> None:
        scale = SIDE / min(pixels.shape[:2])
        size = (max(SIDE, round(pixels.shape[1] * scale)), max(SIDE, round(pixels.shape[0] * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        self.pixels: Pixels = cv2.resize(pixels, size, interpolation=how)
        self._grey: Grey | None = None
        self._features: Features | None = None

    @property
    def grey(self) -> Grey:
        """(h, w) uint8."""
        if self._grey is None:
            self._grey = cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)
        return self._grey

    @property
    def features(self) -> Features:
        """Points and descriptors; kept without the lock of `functools.cached_property`, which lets one thread in."""
        if self._features is None:
            self._features = _features_of(self.grey)
        return self._features


def _features_of(grey: Grey) -> Features:
    keypoints, descriptors = cv2.SIFT.create(MOST_FEATURES, contrastThreshold=_CONTRAST).detectAndCompute(grey, None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float16)
    points = np.array([keypoint.pt for keypoint in keypoints[:MOST_FEATURES]], np.float32)
    rooted = np.sqrt(descriptors[:MOST_FEATURES] / descriptors[:MOST_FEATURES].sum(axis=1, keepdims=True))
    return points, rooted.astype(np.float16)


def repeats(new: Sight, kept: Sight, *, likely: bool = False) -> bool:
    """Whether nearly all of `new` is to be seen in `kept`: cut out, scaled, turned, mirrored, recoloured, written on.

    Pictures taken from one place count only if nothing came, left or moved, unless it is `likely` that one is a copy.
    """
    if likely and min(len(sight.features[0]) for sight in (new, kept)) < INLIERS:
        return unchanged(new.pixels, kept.pixels)
    upright, mirrored = (_placed(new, kept, mirrored=mirrored) for mirrored in (False, True))
    inliers, place, flipped = max((*upright, False), (*mirrored, True), key=lambda found: found[0])
    if inliers < INLIERS or not _SCALES[0] < abs(np.linalg.det(place[:, :2])) ** 0.5 < _SCALES[1]:
        return False
    if not _agree(np.ascontiguousarray(new.grey[:, ::-1]) if flipped else new.grey, kept.grey, place):
        return False
    return likely or flipped or not _from_one_place(new, kept, place) or unchanged(new.pixels, kept.pixels)


def _placed(new: Sight, kept: Sight, *, mirrored: bool) -> tuple[int, Matrix]:
    """How many features of `new` lie alike in `kept`, and the 2 x 3 similarity that takes it there."""
    points, descriptors = new.features
    others, other_descriptors = kept.features
    nowhere = (0, np.zeros((2, 3), np.float32))
    if len(points) < INLIERS or len(others) < INLIERS:
        return nowhere
    if mirrored:
        points = np.array([new.grey.shape[1] - 1, 0], np.float32) + points * np.array([-1, 1], np.float32)
        descriptors = descriptors[:, _MIRRORED]
    here, there = _matches(descriptors, other_descriptors)
    if len(here) < INLIERS:
        return nowhere
    place, inliers = cv2.estimateAffinePartial2D(
        points[here], others[there], method=cv2.RANSAC, ransacReprojThreshold=3, maxIters=500
    )
    return nowhere if place is None else (int(inliers.sum()), place.astype(np.float32))


def _matches(one: NDArray[np.float16], other: NDArray[np.float16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Features whose nearest in the other picture is clearly nearer than the second nearest (Lowe, section 7.1).

    Not by numpy: the threads of its product get in the way of the threads that look at other pictures.
    """
    alike = cv2.gemm(one.astype(np.float32), other.astype(np.float32), 1, None, 0, flags=cv2.GEMM_2_T)
    rows = np.arange(len(alike))
    nearest = alike.argmax(axis=1)
    best = alike[rows, nearest]
    alike[rows, nearest] = -1
    clear = (1 - best) < _RATIO**2 * (1 - alike.max(axis=1))
    return rows[clear], nearest[clear]


def _agree(new: Grey, kept: Grey, place: Matrix) -> bool:
    """Whether `new` lies within `kept`, and shows what is there."""
    size = (new.shape[1], new.shape[0])
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpAffine(np.full(kept.shape, 255, np.uint8), place, size, flags=back)
    if (shown > 0).mean() < COVERED:
        return False
    laid_over = cv2.warpAffine(kept, place, size, flags=back)
    within = cv2.erode(shown, np.ones((7, 7), np.uint8)) == 255
    soft = [cv2.GaussianBlur(grey, (0, 0), 1).astype(np.float32) for grey in (new, laid_over)]
    different = local_change(soft[:1], soft[1:], within)[within] > _DIFFERS
    return bool(different.mean() <= DIFFERENT) and _same_structure(new, laid_over, within) >= AGREEING


def _same_structure(new: Grey, laid_over: Grey, within: NDArray[np.bool_]) -> float:
    """Share of the places with structure in which both correlate, at half the size."""
    first, second = (_half(grey).astype(np.float32) for grey in (new, laid_over))
    variances = _covariance(first, first), _covariance(second, second)
    structured = (_half(within.astype(np.uint8) * 255) == 255) & (np.maximum(*variances) > _FLAT)
    if structured.sum() < _WINDOW**2:
        return 0.0
    correlation = _covariance(first, second) / np.sqrt((variances[0] + _NOISE) * (variances[1] + _NOISE))
    return float((correlation[structured] > _CORRELATED).mean())


def _half(grey: Grey) -> Grey:
    smaller: Grey = cv2.resize(grey, None, fx=_HALF, fy=_HALF, interpolation=cv2.INTER_AREA)
    return smaller


def _covariance(one: Matrix, other: Matrix) -> Matrix:
    """Covariance in the square around every pixel; of a picture with itself its variance."""
    product, first, second = (cv2.blur(grey, (_WINDOW, _WINDOW)) for grey in (one * other, one, other))
    covariance: Matrix = product - first * second
    return np.maximum(covariance, 0) if one is other else covariance


def _from_one_place(new: Sight, kept: Sight, place: Matrix) -> bool:
    """Whether the pictures are of one shape and the corners of one lie nearly on those of the other."""
    if new.grey.shape != kept.grey.shape:
        return False
    height, width = new.grey.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    moved = corners @ place[:, :2].T + place[:, 2]
    return bool(np.abs(moved - corners).max() < _STILL * max(height, width))
