"""Class labels that are likely wrong, as doubts with a reason in words: probe, neighbours and model as one score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import EMPTY, Value
from tasks.review.doubts import Doubt
from tasks.review.label_errors import rank_labels
from tasks.review.material import Current, Material, Row
from tasks.review.settings import ReviewSettings

LEAST = 5
"""Labels of a class below which nobody can tell what it looks like."""

NEIGHBOURS = 10
"""Labels that are most like a doubted one, of which its reason tells."""


@dataclass(frozen=True)
class Suspects:
    """What was found among class labels.

    Attributes:
        doubts: about the labels that are likely wrong, the worst first, as many as the settings show.
        scored: labels that were looked at.
        annotators: who made each of the doubted labels, shown or not.
    """

    doubts: Sequence[tuple[Current, Doubt]]
    scored: int
    annotators: Sequence[str]


@dataclass(frozen=True)
class _Answers:
    """One question to which every label has an answer.

    Attributes:
        about: the class that is there or not, of a multilabel; empty where the class itself is asked for.
        names: of the answers.
        codes: (n,) the answer of each label, a place in `names`.
        shares: (n, k) probabilities of the answers, by a model; NaN where it said nothing.
    """

    about: str
    names: Sequence[str]
    codes: NDArray[np.int64]
    shares: NDArray[np.float64]

    def instead(self, value: Value, code: int) -> Value:
        """The label with another answer."""
        if not self.about:
            return {**value, "class": self.names[code]}
        classes = sorted(set(value.get("classes", [])) ^ {self.about})
        attributes = {name: part for name, part in value.items() if name == "attributes"}
        return {**attributes, "classes": classes} if classes else attributes | EMPTY


@dataclass(frozen=True)
class _Ranked:
    """The most doubtful answer of every label: (n,) each. Its question, what else it might be, and how likely."""

    score: NDArray[np.float64]
    question: NDArray[np.int64]
    suggested: NDArray[np.int64]
    given_share: NDArray[np.float64]
    suggested_share: NDArray[np.float64]


def doubted_classes(material: Material, settings: ReviewSettings) -> Suspects:
    """Labels of a class, or of several, that are likely wrong.

    The score is that of the linear probe; a model that disagrees raises it, one that agrees does not lower it: it may
    have learned the mistake. Neighbours give reasons, and no score: as detectors they are measurably worse.
    """
    known = {one.row.sample_id: one for one in material.current}
    current = [known[sample] for sample in material.embedded]
    kept, asked = (_class_answers if material.ontology.type == "class" else _multilabel_answers)(material, current)
    if len(kept) < settings.min_labels or not asked:
        return Suspects([], 0, [])
    current, vectors = [current[row] for row in kept.tolist()], material.vectors[kept]
    ranked = _ranked(current, vectors, asked)
    (doubted,) = np.nonzero(ranked.score > 0.5)
    worst = doubted[np.argsort(-ranked.score[doubted], kind="stable")][: settings.suspects]
    doubts = [
        (current[row], _doubt(current[row].row, asked[ranked.question[row]], ranked, row, around, material.models))
        for row, around in zip(worst.tolist(), _nearest(vectors, worst), strict=True)
    ]
    return Suspects(doubts, len(current), [current[row].row.annotator for row in doubted.tolist()])


def _class_answers(material: Material, current: Sequence[Current]) -> tuple[NDArray[np.int64], list[_Answers]]:
    """The labels whose class has enough of them, and the one question."""
    given = np.array([one.row.value.get("class", "") for one in current], object)
    names = [name for name in material.ontology.class_names if (given == name).sum() >= LEAST]
    (kept,) = np.nonzero(np.isin(given, names))
    codes = np.array([names.index(given[row]) for row in kept], np.int64)
    told = [_told(material, current[row]) for row in kept.tolist()]
    shares = np.array([[one.get(name, 0.0) if one else np.nan for name in names] for one in told])
    return kept, [_Answers("", names, codes, shares)] if len(names) > 1 else []


def _multilabel_answers(material: Material, current: Sequence[Current]) -> tuple[NDArray[np.int64], list[_Answers]]:
    """All labels but `unusable`, and a question for each class that is there often enough and missing often enough."""
    kept = np.array([row for row, one in enumerate(current) if one.row.value.get("answer") != "unusable"], np.int64)
    given = [set(current[row].row.value.get("classes", [])) for row in kept.tolist()]
    told = [_told(material, current[row]) for row in kept.tolist()]
    asked = []
    for name in material.ontology.class_names:
        there = np.array([name in classes for classes in given], np.int64)
        if LEAST <= there.sum() <= len(there) - LEAST:
            share = np.array([one.get(name, 0.0) if one else np.nan for one in told])
            asked.append(_Answers(name, [f"no {name}", name], there, np.stack([1 - share, share], axis=1)))
    return kept, asked


def _told(material: Material, current: Current) -> dict[str, float]:
    probabilities: dict[str, float] = material.predicted.get(current.row.sample_id, {}).get("probabilities", {})
    return probabilities


def _ranked(current: Sequence[Current], vectors: NDArray[np.float32], asked: Sequence[_Answers]) -> _Ranked:
    groups = [one.group for one in current]
    trusted = np.array([one.row.status == "reviewed" for one in current])
    parts = []
    for answers in asked:
        ranking = rank_labels(vectors, answers.codes, groups, trusted)
        score = np.where(trusted, 0.0, _raised(ranking.score, answers))
        parts.append((score, ranking.suggested, ranking.given_share, ranking.suggested_share))
    columns = [np.stack(column, axis=1) for column in zip(*parts, strict=True)]
    question = columns[0].argmax(axis=1)
    rows = np.arange(len(current))
    score, suggested, given_share, suggested_share = (column[rows, question] for column in columns)
    return _Ranked(score, question, suggested, given_share, suggested_share)


def _raised(score: NDArray[np.float64], answers: _Answers) -> NDArray[np.float64]:
    """The score; halfway up to the doubt of a model, where that is higher."""
    rows, others = np.arange(len(score)), answers.shares.copy()
    others[rows, answers.codes] = 0
    doubt = (1 - answers.shares[rows, answers.codes] + others.max(axis=1)) / 2
    raised: NDArray[np.float64] = np.fmax(score, (score + doubt) / 2)
    return raised


def _nearest(vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows that are most like each of `rows`, itself left out: (len(rows), NEIGHBOURS)."""
    most = min(NEIGHBOURS, len(vectors) - 1)
    nearest = np.zeros((len(rows), most), np.int64)
    for start in range(0, len(rows), 256):
        part = rows[start : start + 256]
        cosine = vectors[part] @ vectors.T
        cosine[np.arange(len(part)), part] = -2
        nearest[start : start + 256] = np.argpartition(-cosine, most - 1, axis=1)[:, :most]
    return nearest


def _doubt(
    doubted: Row,
    answers: _Answers,
    ranked: _Ranked,
    row: int,
    around: NDArray[np.int64],
    models: Mapping[str, str],
) -> Doubt:
    given, other = answers.codes[row], int(ranked.suggested[row])
    alike = int((answers.codes[around] == other).sum())
    told = (
        f"a linear probe says {answers.names[other]!r} ({ranked.suggested_share[row]:.0%}) rather than "
        f"{answers.names[given]!r} ({ranked.given_share[row]:.0%}); "
        f"{alike} of the {len(around)} most like it are {answers.names[other]!r}"
    )
    if not np.isnan(answers.shares[row]).any():
        best = int(answers.shares[row].argmax())
        model = models[doubted.sample_id]
        told += f"; the model {model} says {answers.names[best]!r} ({answers.shares[row, best]:.0%})"
    return Doubt("label_error", float(ranked.score[row]), told, answers.instead(doubted.value, other))
