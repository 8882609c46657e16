"""Several classes a sample: average precision of each, and what is said at even odds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tasks.labels.probe import temperature_of
from tasks.labels.values import Value
from tasks.labels.values import classes as named
from tasks.learn.evaluate.answers import (
    Codes,
    Figures,
    Floats,
    Marks,
    Mistake,
    at_temperature,
    log_odds,
    mean_of_known,
    ratio,
    surest,
)
from tasks.learn.evaluate.classes import shares_of

EVEN = 0.5
"""A class is said to be there from this probability up."""


@dataclass(frozen=True)
class MultilabelAnswers:
    """Samples of several classes, or none; see Answers.

    Attributes:
        classes: their names.
        present: (n, k) which are there.
        shares: (n, k) probability of each on its own.
    """

    classes: Sequence[str]
    present: Marks
    shares: Floats

    @property
    def right(self) -> Floats:
        """(n,) classes that are there and said, over those that are there or said; 1 where there are neither."""
        said = self.shares >= EVEN
        either = (said | self.present).sum(axis=1)
        return np.where(either > 0, (said & self.present).sum(axis=1) / np.maximum(either, 1), 1.0)

    @property
    def support(self) -> Codes:
        """(k,)."""
        counts: Codes = self.present.sum(axis=0)
        return counts

    @property
    def chance(self) -> float:
        """Mean share of the classes that are there: the average precision of any order without a reason."""
        there = self.support[self.support > 0]
        return float(there.mean() / len(self.present)) if len(there) else 0.0

    def figures(self, weights: Floats) -> Figures:
        """MAP and f1; means are over the classes that are there."""
        said = self.shares >= EVEN
        seen, called = weights @ self.present.astype(float), weights @ said.astype(float)
        hit = weights @ (self.present & said).astype(float)
        kinds = range(len(self.classes))
        ap = np.stack([average_precision(self.shares[:, one], self.present[:, one], weights) for one in kinds], axis=1)
        f1 = ratio(2 * hit, np.where(seen > 0, seen + called, 0))
        each = {"ap": ap, "recall": ratio(hit, seen), "precision": ratio(hit, called), "f1": f1}
        return Figures({"mAP": mean_of_known(ap), "f1": mean_of_known(f1)}, each)

    def take(self, places: Codes) -> Self:
        """Some of the samples."""
        return replace(self, present=self.present[places], shares=self.shares[places])

    def beside(self, other: Self) -> Self:
        """These, and after them the other's."""
        both = (np.concatenate([self.present, other.present]), np.concatenate([self.shares, other.shares]))
        return replace(self, present=both[0], shares=both[1])

    def temperature(self) -> float | None:
        """None where the model is never in doubt, or there is nothing to learn it from."""
        if not ((self.shares > 0) & (self.shares < 1)).any():
            return None
        logits = log_odds(self.shares.ravel())
        return temperature_of(np.stack([np.zeros_like(logits), logits], axis=1), self.present.ravel().astype(np.int64))

    def calibrated(self, temperature: float) -> Self:
        """The logarithm of all odds divided by the temperature."""
        return replace(self, shares=at_temperature(self.shares, temperature))

    def tuned_on(self, other: Self) -> Self:  # noqa: ARG002
        """As it is: what is likelier than not is said."""
        return self

    def certainty(self) -> tuple[Floats, Marks]:
        """The probability of every class of every sample, and whether it is there."""
        return self.shares.ravel(), self.present.ravel()

    def mistakes(self) -> list[Mistake]:
        """Classes that are said and not there, and the other way round."""
        said = self.shares >= EVEN
        found = []
        for place, code in np.argwhere(said & ~self.present).tolist():
            found.append(Mistake(place, "", self.classes[code], float(self.shares[place, code]), "false_positive"))
        for place, code in np.argwhere(~said & self.present).tolist():
            found.append(Mistake(place, self.classes[code], "", float(1 - self.shares[place, code]), "false_negative"))
        return surest(found)


def multilabel_answers(
    classes: Sequence[str], labels: Sequence[Value], said: Sequence[Value | None]
) -> MultilabelAnswers:
    """The answers for labels and predictions of them; None where there is none that can be used."""
    there = np.array([[name in named(one) for name in classes] for one in labels], bool)
    shares = np.array([shares_of(one, classes) for one in said], np.float64)
    shape = (len(labels), len(classes))
    return MultilabelAnswers(classes, there.reshape(shape), shares.reshape(shape))


def average_precision(scores: Floats, there: Marks, weights: Floats) -> Floats:
    """Area under precision over recall, without interpolation: (b,); NaN where nothing is there.

    Args:
        scores: (n,); samples of one score come together, whatever their order.
        there: (n,).
        weights: (b, n).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], len(order) - 1)
    ordered = weights[:, order]
    hit = np.cumsum(ordered * there[order], axis=1)[:, ends]
    precision = hit / np.maximum(np.cumsum(ordered, axis=1)[:, ends], np.finfo(float).tiny)
    area = (np.diff(hit, axis=1, prepend=0) * precision).sum(axis=1)
    found: Floats = ratio(area, hit[:, -1])
    return found
