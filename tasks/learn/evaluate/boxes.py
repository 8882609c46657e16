"""Boxes: mean average precision as COCO has it, and what was found at the score that serves best.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014. pycocotools says which box is which; here boxes are
counted with a weight for their picture, which gives intervals without matching anything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from tasks.labels.probe import temperature_of
from tasks.labels.values import Value
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
from tasks.learn.evaluate.box_match import Found, Missed, match_boxes

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which COCO reads the precision."""

EVEN = 0.5
"""The cut, as long as nothing says where it serves best."""

FEW = 20
"""Boxes below which nobody can tell what a score means."""

_NUMBERS = 4_000_000
"""Numbers that are held at once: weights of boxes, so many draws at a time."""


@dataclass(frozen=True)
class BoxAnswers:
    """Pictures with boxes; see Answers.

    Attributes:
        classes: their names.
        counts: (n, k) boxes of each class, those of crowds left out.
        found: the boxes that the model sees.
        missed: the boxes that are there, and the score at which each was found.
        cut: score from which a box counts as seen, where not all scores are looked at.
    """

    classes: Sequence[str]
    counts: Codes
    found: Found
    missed: Missed
    cut: float

    @property
    def right(self) -> Floats:
        """(n,) F1 of the boxes that are seen, at an IoU of 0.5; 1 where nothing is there and nothing is seen."""
        hit, said = self._seen()
        whole = self.counts.sum(axis=1) + said
        return np.where(whole > 0, 2 * hit / np.maximum(whole, 1), 1.0)

    @property
    def present(self) -> Marks:
        """(n, k)."""
        return self.counts > 0

    @property
    def support(self) -> Codes:
        """(k,) boxes."""
        counts: Codes = self.counts.sum(axis=0)
        return counts

    @property
    def chance(self) -> float:
        """Nobody finds boxes by chance."""
        return 0.0

    def figures(self, weights: Floats) -> Figures:
        """MAP and AP50; means are over the classes that are there. Recall and precision are those at the cut."""
        of_class = [np.nonzero(self.found.code == code)[0] for code in range(len(self.classes))]
        there = weights @ self.counts.astype(float)
        each = [self._precisions(rows, there[:, code], weights) for code, rows in enumerate(of_class)]
        precisions = np.stack(each, axis=2)
        seen = self.found.score >= self.cut
        hit, said = np.zeros_like(there), np.zeros_like(there)
        for code, rows in enumerate(of_class):
            rows = rows[seen[rows] & ~self.found.ignored[0, rows]]
            counted = weights[:, self.found.place[rows]]
            hit[:, code], said[:, code] = counted @ self.found.hit[0, rows], counted.sum(axis=1)
        metrics = {"mAP": mean_of_known(precisions.mean(axis=1)), "AP50": mean_of_known(precisions[:, 0])}
        recall, precision = ratio(hit, there), ratio(hit, said)
        f1 = ratio(2 * hit, np.where(there > 0, there + said, 0))
        return Figures(metrics, {"ap": precisions.mean(axis=1), "recall": recall, "precision": precision, "f1": f1})

    def take(self, places: Codes) -> Self:
        """Some of the pictures."""
        to = np.full(len(self.counts), -1)
        to[places] = np.arange(len(places))
        return replace(self, counts=self.counts[places], found=self.found.moved(to), missed=self.missed.moved(to))

    def beside(self, other: Self) -> Self:
        """These, and after them the other's."""
        to = np.arange(len(other.counts)) + len(self.counts)
        return replace(
            self,
            counts=np.concatenate([self.counts, other.counts]),
            found=self.found.joined(other.found.moved(to)),
            missed=self.missed.joined(other.missed.moved(to)),
        )

    def temperature(self) -> float | None:
        """None where there are too few boxes to learn it from, or all scores are 1."""
        score, hit = self.certainty()
        if len(score) < FEW or not (score < 1).any():
            return None
        logits = log_odds(score)
        return temperature_of(np.stack([np.zeros_like(logits), logits], axis=1), hit.astype(np.int64))

    def calibrated(self, temperature: float) -> Self:
        """The logarithm of the odds of all scores divided by the temperature."""
        cut, score, found = (
            at_temperature(np.asarray(one, np.float64), temperature)
            for one in (self.cut, self.found.score, self.missed.score)
        )
        return replace(
            self,
            cut=float(cut),
            found=replace(self.found, score=score),
            missed=replace(self.missed, score=found),
        )

    def tuned_on(self, other: Self) -> Self:
        """With the cut at which the F1 of all boxes of the other pictures is best; as it is, where nothing is found."""
        score, hit = other.certainty()
        if not hit.any():
            return self
        order = np.argsort(-score, kind="stable")
        f1 = 2 * np.cumsum(hit[order]) / (np.arange(1, len(order) + 1) + other.counts.sum())
        return replace(self, cut=float(score[order][f1.argmax()]))

    def certainty(self) -> tuple[Floats, Marks]:
        """The score of every box, and whether there is one, at an IoU of 0.5."""
        counted = ~self.found.ignored[0]
        return self.found.score[counted], self.found.hit[0, counted]

    def mistakes(self) -> list[Mistake]:
        """Boxes that are seen and not there, and the other way round."""
        found, missed, mistakes = self.found, self.missed, []
        wrong = (found.score >= self.cut) & ~found.hit[0] & ~found.ignored[0]
        for row in np.nonzero(wrong)[0].tolist():
            name, box = self.classes[found.code[row]], tuple(found.box[row].tolist())
            mistakes.append(Mistake(int(found.place[row]), "", name, float(found.score[row]), "false_positive", box))
        for row in np.nonzero(missed.score < self.cut)[0].tolist():
            name, box = self.classes[missed.code[row]], tuple(missed.box[row].tolist())
            unseen = 1 - float(missed.score[row])
            mistakes.append(Mistake(int(missed.place[row]), name, "", unseen, "false_negative", box))
        return surest(mistakes)

    def _seen(self) -> tuple[Any, Any]:
        """(n,) boxes that are rightly seen, and all that are seen."""
        seen = (self.found.score >= self.cut) & ~self.found.ignored[0]
        places, hit = self.found.place[seen], self.found.hit[0, seen].astype(float)
        size = len(self.counts)
        return np.bincount(places, hit, size), np.bincount(places, np.ones(len(places)), size)

    def _precisions(self, rows: Codes, there: Floats, weights: Floats) -> Floats:
        """Average precision of one class at each IoU: (b, t); NaN where the class is not there."""
        order = rows[np.argsort(-self.found.score[rows], kind="mergesort")]
        found = np.full((len(weights), len(self.found.hit)), np.nan)
        (known,) = np.nonzero(there > 0)
        few = max(1, _NUMBERS // max(len(order), 1))
        for start in range(0, len(known), few):
            draws = known[start : start + few]
            counted = weights[np.ix_(draws, self.found.place[order])]
            for level, (hit, ignored) in enumerate(zip(self.found.hit, self.found.ignored, strict=True)):
                right = np.cumsum(counted * (hit & ~ignored)[order], axis=1)
                wrong = np.cumsum(counted * (~hit & ~ignored)[order], axis=1)
                found[draws, level] = _area(right, wrong, there[draws])
        return found


def box_answers(classes: Sequence[str], labels: Sequence[Value], said: Sequence[Value | None]) -> BoxAnswers:
    """The answers for labels and predictions of them; None where there is none that can be used."""
    counts, found, missed = match_boxes(classes, labels, said)
    return BoxAnswers(classes, counts, found, missed, EVEN)


def _area(right: Floats, wrong: Floats, there: Floats) -> Floats:
    """Mean of the precision at RECALLS, each the best at that recall or a higher one: (b,)."""
    if not right.shape[1]:
        return np.zeros(len(right))
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.concatenate([precision, np.zeros((len(right), 1))], axis=1)
    recall = right / there[:, None]
    return np.array(
        [best[np.searchsorted(one, RECALLS, side="left")].mean() for one, best in zip(recall, precision, strict=True)]
    )
