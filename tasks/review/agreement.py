"""How far annotators agree: figures that are 1 where they always do and 0 where chance would do as well."""

import itertools
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.labels.values import Value
from tasks.review.match import group, match

MISSING = -1
"""Code of an annotator who did not say anything about a unit."""


def krippendorff_alpha(codes: ArrayLike) -> float | None:
    """Krippendorff's alpha of nominal codes, for any number of annotators and gaps.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011.

    Args:
        codes: (units, annotators) int; MISSING where nothing was said.

    Returns:
        At most 1; None where nobody can tell: no unit has two answers, or all answers are one and the same code.
    """
    table = np.asarray(codes, np.int64)
    counts = _counts(table)
    said = counts.sum(axis=1)
    counts, said = counts[said > 1], said[said > 1]
    totals, pairable = counts.sum(axis=0), float(said.sum())
    expected = pairable**2 - float(totals @ totals)
    if expected == 0:
        return None
    unlike = (said**2 - (counts**2).sum(axis=1)) / (said - 1)
    return float(1 - (pairable - 1) * unlike.sum() / expected)


def cohen_kappa(one: ArrayLike, other: ArrayLike) -> float | None:
    """Cohen's kappa of two annotators, over the units of which both said something.

    Cohen, "A coefficient of agreement for nominal scales", 1960.

    Args:
        one: (units,) int codes; MISSING where nothing was said.
        other: the same of the other annotator.

    Returns:
        At most 1; None where nobody can tell: no unit in common, or both always gave one and the same code.
    """
    pair = np.stack([np.asarray(one, np.int64), np.asarray(other, np.int64)], axis=1)
    pair = pair[(pair != MISSING).all(axis=1)]
    if not len(pair):
        return None
    by_chance = float(np.prod([_shares(column, int(pair.max()) + 1) for column in pair.T], axis=0).sum())
    if by_chance == 1:
        return None
    return float(1 - (pair[:, 0] != pair[:, 1]).mean() / (1 - by_chance))


def as_codes(answers: Sequence[Mapping[str, Hashable]], annotators: Sequence[str]) -> NDArray[np.int64]:
    """Answers of annotators, unit by unit, as a table of codes: (units, annotators), MISSING where there is none."""
    numbers: dict[Hashable, int] = {}
    return np.array(
        [
            [numbers.setdefault(answer[name], len(numbers)) if name in answer else MISSING for name in annotators]
            for answer in answers
        ],
        np.int64,
    ).reshape(len(answers), len(annotators))


def shape_units(drawn: Mapping[str, Sequence[Value]]) -> list[dict[str, Hashable]]:
    """What annotators said of each thing in a picture: its class, or None where they left it out.

    With these as units, alpha covers where things are as well as what they are, after Tschirschwitz et al., "Drawing
    the Same Bounding Box Twice? Coping Noisy Annotations in Object Detection with Repeated Labels", 2023.
    """
    return [{name: found[name]["class"] if name in found else None for name in drawn} for found in group(drawn)]


def shape_agreement(drawn: Mapping[str, Sequence[Value]]) -> float | None:
    """How far annotators agree on the shapes of one picture: panoptic quality, averaged over all pairs of them.

    1 where all drew the same, 0 where nothing is shared; None with less than two annotators. Kirillov et al.,
    "Panoptic Segmentation", 2019.
    """
    figures = [panoptic_quality(drawn[one], drawn[other]) for one, other in itertools.combinations(sorted(drawn), 2)]
    return float(np.mean(figures)) if figures else None


def panoptic_quality(one: Sequence[Value], other: Sequence[Value]) -> float:
    """Sum of the IoU of matched shapes of one class, over the mean number of shapes; 1 for two empty pictures."""
    if not one and not other:
        return 1.0
    same = [iou for a, b, iou in match(one, other) if one[a]["class"] == other[b]["class"]]
    return 2 * sum(same) / (len(one) + len(other))


def _counts(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many annotators gave each code: (units, codes)."""
    codes = int(table.max(initial=MISSING)) + 1
    units, places = np.nonzero(table != MISSING)
    flat = np.bincount(units * codes + table[units, places], minlength=len(table) * codes)
    return flat.reshape(len(table), codes).astype(np.int64)


def _shares(column: NDArray[np.int64], codes: int) -> NDArray[np.float64]:
    return np.bincount(column, minlength=codes) / len(column)
