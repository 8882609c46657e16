"""One class a sample: accuracy, recall, precision, and which class is taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from tasks.labels.probe import temperature_of
from tasks.labels.values import Value
from tasks.learn.evaluate.answers import Codes, Figures, Floats, Marks, Mistake, mean_of_known, ratio, surest

_LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class ClassAnswers:
    """Samples of one class each; see Answers.

    Attributes:
        classes: their names.
        label: (n,) codes.
        shares: (n, k) probabilities; rows of zeros where the model said nothing that can be used.
    """

    classes: Sequence[str]
    label: Codes
    shares: Floats

    @cached_property
    def predicted(self) -> Codes:
        """(n,) codes; -1 where the model said nothing."""
        codes: Codes = np.where(self.shares.any(axis=1), self.shares.argmax(axis=1), -1)
        return codes

    @property
    def right(self) -> Floats:
        """(n,) 1 or 0."""
        right: Floats = (self.predicted == self.label).astype(np.float64)
        return right

    @property
    def present(self) -> Marks:
        """(n, k)."""
        there: Marks = self.label[:, None] == np.arange(len(self.classes))
        return there

    @property
    def support(self) -> Codes:
        """(k,)."""
        counts: Codes = self.present.sum(axis=0)
        return counts

    @property
    def chance(self) -> float:
        """Balanced accuracy of the most frequent class."""
        return 1 / max(int((self.support > 0).sum()), 1)

    @property
    def confusion(self) -> Codes:
        """(k, k) how often each class, by row, is taken for each, by column."""
        counts: Codes = np.zeros((len(self.classes), len(self.classes)), np.int64)
        told = self.predicted >= 0
        np.add.at(counts, (self.label[told], self.predicted[told]), 1)
        return counts

    def figures(self, weights: Floats) -> Figures:
        """balanced_accuracy, accuracy and f1; means are over the classes that are there."""
        called = self.predicted[:, None] == np.arange(len(self.classes))
        seen, said = weights @ self.present.astype(float), weights @ called.astype(float)
        hit = weights @ (self.present & called).astype(float)
        recall, f1 = ratio(hit, seen), ratio(2 * hit, np.where(seen > 0, seen + said, 0))
        metrics = {
            "balanced_accuracy": mean_of_known(recall),
            "accuracy": ratio(hit.sum(axis=1), weights.sum(axis=1)),
            "f1": mean_of_known(f1),
        }
        return Figures(metrics, {"recall": recall, "precision": ratio(hit, said), "f1": f1})

    def take(self, places: Codes) -> Self:
        """Some of the samples."""
        return replace(self, label=self.label[places], shares=self.shares[places])

    def beside(self, other: Self) -> Self:
        """These, and after them the other's."""
        both = (np.concatenate([one.label for one in (self, other)]), np.concatenate([self.shares, other.shares]))
        return replace(self, label=both[0], shares=both[1])

    def temperature(self) -> float | None:
        """None where the model is never in doubt, or there is nothing to learn it from."""
        told = self.predicted >= 0
        if not told.any() or not (self.shares[told].max(axis=1) < 1).any():
            return None
        return temperature_of(np.log(np.maximum(self.shares[told], _LEAST_SHARE)), self.label[told])

    def calibrated(self, temperature: float) -> Self:
        """Probabilities to the power of 1 / temperature, made to sum to 1."""
        powers = self.shares ** (1 / temperature)
        return replace(self, shares=np.nan_to_num(ratio(powers, powers.sum(axis=1, keepdims=True))))

    def tuned_on(self, other: Self) -> Self:  # noqa: ARG002
        """As it is: the likeliest class is said."""
        return self

    def certainty(self) -> tuple[Floats, Marks]:
        """The probability of the likeliest class, and whether it is the true one."""
        told = self.predicted >= 0
        return self.shares[told].max(axis=1, initial=0), (self.predicted == self.label)[told]

    def mistakes(self) -> list[Mistake]:
        """One class taken for another."""
        (wrong,) = np.nonzero((self.predicted >= 0) & (self.predicted != self.label))
        said = [(place, int(self.label[place]), int(self.predicted[place])) for place in wrong.tolist()]
        return surest(
            [
                Mistake(place, self.classes[label], self.classes[code], float(self.shares[place, code]), "confusion")
                for place, label, code in said
            ]
        )


def class_answers(classes: Sequence[str], labels: Sequence[Value], said: Sequence[Value | None]) -> ClassAnswers:
    """The answers for labels and predictions of them; None where there is none that can be used."""
    codes = {name: code for code, name in enumerate(classes)}
    shares = np.array([shares_of(one, classes) for one in said], np.float64).reshape(len(said), len(classes))
    return ClassAnswers(classes, np.array([codes[one["class"]] for one in labels], np.int64), shares)


def shares_of(value: Value | None, classes: Sequence[str]) -> list[float]:
    """The probability of each class; a class that is just named is certain."""
    if value is None:
        return [0.0] * len(classes)
    named = [value["class"]] if "class" in value else value.get("classes", [])
    shares = value.get("probabilities") or dict.fromkeys(named, 1.0)
    return [float(shares.get(name, 0.0)) for name in classes]
