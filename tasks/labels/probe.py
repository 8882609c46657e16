"""A linear probe: multinomial logistic regression on stored vectors, with probabilities that mean what they say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.int64]
Shares = NDArray[np.float64]
Fitted = Callable[..., tuple[Floats, Floats]]

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse strengths of the penalty that are tried; of unit vectors."""

FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes:
        weights: (k, d) float32.
        bias: (k,) float32.
        temperature: logits are divided by it; fitted on samples that the probe had not seen.
        accuracy: share of right answers on such samples, 0 to 1; None where there were too few to tell.
    """

    weights: Floats
    bias: Floats
    temperature: float
    accuracy: float | None

    def probabilities(self, vectors: Floats) -> Shares:
        """(n, k), rows that sum to 1."""
        from scipy.special import softmax

        shares: Shares = softmax((vectors @ self.weights.T + self.bias).astype(np.float64) / self.temperature, axis=1)
        return shares


def fit_probe(
    vectors: Floats, labels: Codes, kinds: int, groups: Sequence[str] | None = None, *, balanced: bool = False
) -> Probe:
    """Fit a probe; strength of the penalty and temperature come from folds that keep groups together.

    Classes that only one group shows are fitted but not judged by; where that leaves less than half of the labels, the
    middle strength and temperature 1 serve. Deterministic, one thread.

    Temperature: Guo et al., "On Calibration of Modern Neural Networks", 2017.

    Args:
        vectors: (n, d) float32, unit rows.
        labels: (n,) codes 0 to k - 1; classes without a label are never predicted.
        kinds: k.
        groups: samples of one group are near-duplicates; each its own if None.
        balanced: every class weighs as much, however few samples it has; probabilities are those where all are as
            frequent.
    """
    return probe_and_unseen(vectors, labels, kinds, groups, balanced=balanced)[0]


def probe_and_unseen(
    vectors: Floats, labels: Codes, kinds: int, groups: Sequence[str] | None = None, *, balanced: bool = False
) -> tuple[Probe, Floats | None]:
    """The same, and the logits (n, k) of every sample by a probe that had not seen its group; None if too few.

    A sample of a class that only its group shows has those of the probe itself: no other knows the class.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        fitted = partial(_fitted, kinds=kinds, balanced=balanced)
        unseen = _unseen(vectors, labels, kinds, groups, fitted)
        if unseen is None:
            weights, bias = fitted(vectors, labels, strength=STRENGTHS[1])
            return Probe(weights, bias, 1.0, None), None
        strength, logits, judged = unseen
        weights, bias = fitted(vectors, labels, strength=strength)
    accuracy = float((logits.argmax(axis=1) == labels)[judged].mean())
    temperature = temperature_of(logits[judged], labels[judged])
    logits[~judged] = vectors[~judged] @ weights.T + bias
    return Probe(weights, bias, temperature, accuracy), logits


def temperature_of(logits: Floats, labels: Codes) -> float:
    """The temperature, 0.05 to 20, at which the labels are likeliest."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda log: _loss(logits / np.exp(log), labels), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _unseen(
    vectors: Floats, labels: Codes, kinds: int, groups: Sequence[str] | None, fitted: Fitted
) -> tuple[float, Floats, NDArray[np.bool_]] | None:
    """The best strength, logits (n, k) of samples by a probe that had not seen their group, and which it can judge."""
    named = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    parts = _folds(labels, kinds, named)
    judged = np.zeros(len(labels), np.bool_)
    for seen, held in parts:
        judged[held] = np.isin(labels[held], labels[seen])
    if 2 * judged.sum() < len(labels) or len(np.unique(labels[judged])) < 2:
        return None
    best: tuple[float, float, Floats] | None = None
    for strength in STRENGTHS:
        logits = np.full((len(labels), kinds), -np.inf, np.float64)
        for seen, held in parts:
            weights, bias = fitted(vectors[seen], labels[seen], strength=strength)
            logits[held] = vectors[held] @ weights.T + bias
        loss = _loss(logits[judged] / temperature_of(logits[judged], labels[judged]), labels[judged])
        if best is None or loss < best[0]:
            best = (loss, strength, logits)
    assert best is not None
    return best[1], best[2], judged


def _folds(labels: Codes, kinds: int, groups: Codes) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places to fit on and places held out, as many times as the rarest class has groups, of those that have two."""
    from sklearn.model_selection import StratifiedGroupKFold

    shown = np.bincount(np.unique(np.stack([labels, groups]), axis=1)[0], minlength=kinds)
    if not (shown > 1).any():
        return []
    folds = int(min(FOLDS, shown[shown > 1].min()))
    among = np.where(shown[labels] > 1, labels, shown.argmax())
    return list(StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(labels, among, groups))


def _fitted(vectors: Floats, labels: Codes, *, kinds: int, balanced: bool, strength: float) -> tuple[Floats, Floats]:
    """Weights (k, d) and bias (k,). With fewer rows than dimensions it is solved among the rows: the same, sooner."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((kinds, vectors.shape[1]), np.float32)
    bias = np.full(kinds, -1e4, np.float32)
    there = np.unique(labels)
    if len(there) == 1:
        bias[there] = 0
        return weights, bias
    turned, turn = vectors, None
    if len(vectors) < vectors.shape[1]:
        turn, _ = np.linalg.qr(vectors.T)
        turned = vectors @ turn
    weighted = "balanced" if balanced else None
    model = LogisticRegression(C=strength, class_weight=weighted, max_iter=1000).fit(turned, labels)
    found = model.coef_ if turn is None else model.coef_ @ turn.T
    if len(there) == 2:
        found, cut = np.concatenate([-found, found]) / 2, np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        cut = model.intercept_
    weights[there], bias[there] = found, cut
    return weights, bias


def _loss(logits: Floats, labels: Codes) -> float:
    from scipy.special import log_softmax

    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())
