"""One label of several annotators' labels, where enough of them agree, and how good each annotator is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import LabelType, Value
from tasks.review.agreement import MISSING, as_codes, cohen_kappa, krippendorff_alpha
from tasks.review.settings import ReviewSettings
from tasks.review.votes import Question, as_label, is_unusable, questions

REVIEWER = ""
"""Name under which a reviewed label takes part: it is right, and annotators are measured by it."""

_RIGHT, _WRONG = 4.0, 1.0
"""What is known of an annotator beforehand: as much as five answers, four of them right."""

_ROUNDS, _STILL = 100, 1e-9


@dataclass(frozen=True)
class Verdict:
    """What several annotators say of one picture.

    Attributes:
        value: the label that they make; where they do not agree, the likeliest.
        agreed: whether there is a quorum for all of it.
        confidence: probability of the least certain part.
        doubt: for each annotator, the probability that the label is wrong in its least certain part.
        told: what they said where they do not agree, in words.
    """

    value: Value
    agreed: bool
    confidence: float
    doubt: Mapping[str, float]
    told: str


@dataclass(frozen=True)
class Panel:
    """Several annotators at work on the same pictures.

    Attributes:
        verdicts: for each sample that two or more labelled and nobody reviewed.
        quality: share of right answers of each annotator, as far as others tell.
        alpha: Krippendorff's alpha of all their answers; None where nobody can tell.
        kappa: Cohen's kappa of each pair that shares samples.
        shared: samples with two labels or more.
    """

    verdicts: Mapping[str, Verdict]
    quality: Mapping[str, float]
    alpha: float | None
    kappa: Mapping[tuple[str, str], float | None]
    shared: int


def find_consensus(
    answers: Mapping[str, Mapping[str, Value]],
    reviewed: Mapping[str, Value],
    label_type: LabelType,
    settings: ReviewSettings,
) -> Panel:
    """What annotators agree on, sample by sample.

    Args:
        answers: for each sample, what each annotator said; canonical.
        reviewed: labels that somebody has reviewed, by sample.
        label_type: of the ontology.
        settings: quorum and confidence.
    """
    asked: list[tuple[str, Question]] = []
    for sample, said in answers.items():
        known = {REVIEWER: reviewed[sample]} if sample in reviewed else {}
        if len(said) + len(known) > 1:
            asked += [(sample, one) for one in questions(label_type, {**said, **known})]
    names = sorted({name for _, one in asked for name in one.said} | {REVIEWER})
    codes = as_codes([one.said for _, one in asked], names)
    posterior, shares = weigh(codes, np.array([name == REVIEWER for name in names]))
    quality = {name: float(share) for name, share in zip(names, shares, strict=True) if name != REVIEWER}
    rows: dict[str, list[int]] = {sample: [] for sample, said in answers.items() if len(said) > 1}
    for number, (sample, _) in enumerate(asked):
        rows.setdefault(sample, []).append(number)
    rule = _Rule(label_type, settings, names, quality)
    verdicts = {
        sample: rule.verdict(
            [asked[one][1] for one in rows[sample]], codes[rows[sample]], posterior[rows[sample]], said
        )
        for sample, said in answers.items()
        if len(said) > 1 and sample not in reviewed
    }
    people = codes[:, [place for place, name in enumerate(names) if name != REVIEWER]]
    shared = sum(len(said) > 1 for said in answers.values())
    return Panel(verdicts, quality, krippendorff_alpha(people), _kappas(people, list(quality)), shared)


def weigh(codes: NDArray[np.int64], trusted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How likely each answer is, and how good each annotator, each found from the other in turns.

    Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", 1979, with one
    error rate an annotator instead of a table of them: few labels do not fill a table.

    Args:
        codes: (units, annotators) int; MISSING where nothing was said.
        trusted: (annotators,); whoever is trusted is right.

    Returns:
        Probabilities of the codes, (units, codes), rows that sum to 1; shares of right answers, (annotators,).
    """
    kinds = max(2, int(codes.max(initial=MISSING)) + 1)
    quality = np.where(trusted, 0.999, _RIGHT / (_RIGHT + _WRONG))
    posterior = _posterior(codes, quality, kinds)
    for _ in range(_ROUNDS):
        units, places = np.nonzero(codes != MISSING)
        right = np.bincount(places, posterior[units, codes[units, places]], len(quality))
        said = np.bincount(places, minlength=len(quality))
        found = np.where(trusted, quality, (_RIGHT + right) / (_RIGHT + _WRONG + said))
        moved, quality = np.abs(found - quality).max(initial=0.0), found
        posterior = _posterior(codes, quality, kinds)
        if moved < _STILL:
            break
    return posterior, quality


def _posterior(codes: NDArray[np.int64], quality: NDArray[np.float64], kinds: int) -> NDArray[np.float64]:
    likely = np.zeros((len(codes), kinds))
    for place, share in enumerate(quality):
        (units,) = np.nonzero(codes[:, place] != MISSING)
        wrong = np.log((1 - share) / (kinds - 1))
        likely[units] += wrong
        likely[units, codes[units, place]] += np.log(share) - wrong
    likely = np.exp(likely - likely.max(axis=1, keepdims=True, initial=-np.inf))
    shares: NDArray[np.float64] = likely / likely.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class _Rule:
    """How a sample is judged: by whom, each how good, and how many it takes."""

    label_type: LabelType
    settings: ReviewSettings
    names: Sequence[str]
    quality: Mapping[str, float]

    def verdict(
        self,
        asked: Sequence[Question],
        codes: NDArray[np.int64],
        posterior: NDArray[np.float64],
        values: Mapping[str, Value],
    ) -> Verdict:
        """The verdict on one sample, from its questions, a row of codes and of probabilities each."""
        won = _likeliest(codes, posterior)
        winners = [
            next(one.said[name] for name, code in zip(self.names, row, strict=True) if code == best)
            for one, row, best in zip(asked, codes, won, strict=True)
        ]
        if is_unusable(asked, winners):
            asked, codes, posterior, won = asked[:1], codes[:1], posterior[:1], won[:1]
        sure = posterior[np.arange(len(won)), won]
        decided = ((codes == won[:, None]).sum(axis=1) >= self.settings.quorum) & (sure >= self.settings.min_confidence)
        agreed = bool(decided.all()) and len(values) >= self.settings.quorum
        told = "; ".join(_told(one) for one, settled in zip(asked, decided, strict=True) if not settled)
        value = as_label(self.label_type, asked, winners[: len(won)], values, lambda name: self.quality.get(name, 0.0))
        return Verdict(value, agreed, float(sure.min(initial=1.0)), self._doubts(codes, posterior, values), told)

    def _doubts(
        self, codes: NDArray[np.int64], posterior: NDArray[np.float64], values: Mapping[str, Value]
    ) -> dict[str, float]:
        found = {}
        for place, name in enumerate(self.names):
            (said,) = np.nonzero(codes[:, place] != MISSING)
            if name in values:
                found[name] = 1 - float(posterior[said, codes[said, place]].min(initial=1.0))
        return found


def _likeliest(codes: NDArray[np.int64], posterior: NDArray[np.float64]) -> NDArray[np.int64]:
    """The likeliest of the answers that somebody gave, for each unit."""
    units, places = np.nonzero(codes != MISSING)
    given = np.zeros(posterior.shape, bool)
    given[units, codes[units, places]] = True
    won: NDArray[np.int64] = np.where(given, posterior, -1.0).argmax(axis=1)
    return won


def _told(asked: Question) -> str:
    said = [f"{name} says {_words(answer)}" for name, answer in sorted(asked.said.items())]
    about = "whether it can be labelled: " if asked.about is None else asked.about and f"{asked.about!r}: "
    return about + ", ".join(said)


def _words(answer: object) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return "nothing" if answer is None else repr(str(answer).split(":", 1)[-1])


def _kappas(people: NDArray[np.int64], names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    found: dict[tuple[str, str], float | None] = {}
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            if ((people[:, [one, other]] != MISSING).all(axis=1)).any():
                found[names[one], names[other]] = cohen_kappa(people[:, one], people[:, other])
    return found
