"""How likely each class label is wrong, by a linear probe on the stored embedding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.int64]
Shares = NDArray[np.float64]

STOPS = (20, 40, 80)
"""Steps after which the probe is asked: what it learns early is what most labels of a class have in common."""

STEP = 2.0
"""Length of a step, in units of one over the largest curvature of the features."""

DECAY = 1e-3
MOMENTUM = 0.9
FOLDS = 5

DIMENSIONS = 256
"""Principal components that the probe sees: with all 1,280 of a backbone it finds as much, in five times the time."""

PAIRS = 0.25
"""Weight of the confusions that were counted, against the same chance for every class: either alone is worse."""


@dataclass(frozen=True)
class Ranking:
    """What is known of every label, (n,) each.

    Attributes:
        score: probability that the label is wrong.
        suggested: code of the likeliest other class.
        given_share: probability that the probe gives to the class of the label.
        suggested_share: probability that it gives to the suggested class.
    """

    score: Shares
    suggested: Codes
    given_share: Shares
    suggested_share: Shares


def rank_labels(vectors: Floats, labels: Codes, groups: Sequence[str], trusted: NDArray[np.bool_]) -> Ranking:
    """The probability that each label is wrong, by a linear probe that learns twice.

    Labels are ranked by their margin, averaged over training: Pleiss et al., "Identifying Mislabeled Data using the
    Area Under the Margin Ranking", 2020; here by probes that have not seen the sample, since with fewer labels than
    dimensions the others know all by heart. Confident learning counts how many labels are wrong and which classes are
    taken for which: Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021. The second
    time the probe learns without so many of the worst. What it says of a sample, seen and unseen, and how often a class
    is given for another, make the probability by Bayes' rule. Deterministic, one thread.

    Args:
        vectors: (n, d) float32, unit rows.
        labels: (n,) codes 0 to k - 1, each there at least twice, k > 1.
        groups: samples of one group are near-duplicates: a probe that has seen one of them has seen all.
        trusted: (n,); labels that are known to be right are always learned from.
    """
    from cleanlab.count import estimate_joint, num_label_issues
    from threadpoolctl import threadpool_limits

    rows, every = np.arange(len(labels)), np.ones(len(labels), bool)
    with threadpool_limits(1):
        features = as_features(vectors)
        unseen = unseen_logits(features, labels, groups, every)
        first = softmax(unseen)
        worst = int(num_label_issues(labels, first))
        kept = _without_worst(np.where(trusted, np.inf, _margins(unseen, labels)), worst, labels)
        seen = features @ _probe(features[kept], labels[kept], unseen.shape[1])
        shares = softmax((seen + unseen_logits(features, labels, groups, kept)) / 2)
    likely = shares * _confusions(np.asarray(estimate_joint(labels, first), np.float64))[:, labels].T
    suggested = _others(likely, labels).argmax(axis=1)
    score = 1 - likely[rows, labels] / likely.sum(axis=1)
    return Ranking(score, suggested, shares[rows, labels], shares[rows, suggested])


def as_features(vectors: Floats) -> Floats:
    """What the probe sees: (n, at most DIMENSIONS + 1), centred, of curvature 1 at most, and a column for the bias."""
    centred = vectors - vectors.mean(axis=0)
    curvatures, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    if centred.shape[1] > DIMENSIONS:
        centred = centred @ directions[:, -DIMENSIONS:]
    centred = centred / np.sqrt(max(float(curvatures[-1]), 1e-12))
    return np.concatenate([centred, np.ones((len(centred), 1))], axis=1, dtype=np.float32)


def unseen_logits(features: Floats, labels: Codes, groups: Sequence[str], kept: NDArray[np.bool_]) -> Floats:
    """Logits of every class, (n, k), each row by a probe that has seen nothing of its group, and only what is kept."""
    logits: Floats = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    fold = _folds(labels, groups)
    for number in range(int(fold.max()) + 1):
        unseen = fold == number
        learned = kept & ~unseen
        logits[unseen] = features[unseen] @ _probe(features[learned], labels[learned], logits.shape[1])
    return logits


def softmax(logits: Floats) -> Shares:
    """Probabilities, rows that sum to 1."""
    shares: Shares = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _folds(labels: Codes, groups: Sequence[str]) -> Codes:
    """A fold for each row: groups stay together, and every fold has its share of every class, as far as they allow."""
    _, first, member = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    if len(first) < 2:
        first = member = np.arange(len(labels))
    fold = np.zeros(len(first), np.int64)
    fold[np.argsort(labels[first], kind="stable")] = np.arange(len(first)) % FOLDS
    spread: Codes = fold[member]
    return spread


def _probe(features: Floats, labels: Codes, kinds: int) -> Floats:
    """A softmax regression, (d, k), by accelerated gradient descent: the mean of what it is after each of STOPS."""
    probe: Floats = np.zeros((features.shape[1], kinds), np.float32)
    moved, total = np.zeros_like(probe), np.zeros_like(probe)
    rows = np.arange(len(labels))
    for step in range(1, STOPS[-1] + 1):
        ahead = probe + MOMENTUM * moved
        wrong = softmax(features @ ahead).astype(np.float32)
        wrong[rows, labels] -= 1
        moved = MOMENTUM * moved - STEP * (features.T @ wrong / len(labels) + DECAY * ahead)
        probe = probe + moved
        total = total + probe * (step in STOPS)
    mean: Floats = total / len(STOPS)
    return mean


def _margins(logits: Floats, labels: Codes) -> Floats:
    """By how much the class of each label stands above the likeliest other one: (n,)."""
    margins: Floats = logits[np.arange(len(labels)), labels] - _others(logits, labels).max(axis=1)
    return margins


def _others(figures: NDArray[Any], labels: Codes) -> NDArray[Any]:
    """The figures of the classes, with that of each label put out of the running."""
    return np.where(np.arange(figures.shape[1]) == labels[:, None], -np.inf, figures)


def _without_worst(margins: NDArray[Any], worst: int, labels: Codes) -> NDArray[np.bool_]:
    """All labels but so many with the smallest margins; a class that would have none left keeps its labels."""
    kept = np.ones(len(labels), bool)
    kept[np.argsort(margins, kind="stable")[:worst]] = False
    return kept | ~np.isin(labels, labels[kept])


def _confusions(joint: Shares) -> Shares:
    """How often a sample of a class (row) is given a class (column), from how often both are seen; rows sum to 1."""
    kinds, wrong = len(joint), 1 - np.trace(joint)
    counted = (joint / np.maximum(joint.sum(axis=0), 1e-12)).T
    even = np.full((kinds, kinds), wrong / (kinds - 1))
    np.fill_diagonal(even, 1 - wrong)
    mixed: Shares = PAIRS * counted + (1 - PAIRS) * even
    return mixed
