"""Wrong labels found on photographs, beside cleanlab and beside a probe that learned the true labels."""

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from tasks.review.label_errors import as_features, rank_labels, softmax, unseen_logits
from tests.benchmarks.benchmark import Result
from tests.benchmarks.photographs import Photographs, cifar, clothing
from tests.benchmarks.pictures import shared

SEEDS, MORE_SEEDS = range(3), range(10)
NOISES = [(kind, rate) for kind in ("uniform", "class-dependent") for rate in (0.05, 0.10)]


def measured(_place: Path) -> Iterator[Result]:
    """Average precision as a share of what a probe with the true labels reaches on photographs that it has not seen."""
    clothes, animals = clothing(), cifar()
    shares = []
    for photographs in (clothes, animals):
        for kind, rate in NOISES:
            ours, cleanlab, reference = (mean(each) for each in zip(*_cases(photographs, kind, rate), strict=True))
            shares.append(ours / reference)
            figures = f"{ours:.3f}, cleanlab's self-confidence {cleanlab:.3f}, reference {reference:.3f}"
            title = f"wrong labels, {photographs.name}, {kind} {rate:.0%} / reference"
            yield Result(title, shares[-1], 0.9, 0.85, f"average precision {figures}; {len(SEEDS)} seeds")
    yield Result("wrong labels, mean of the eight / reference", mean(shares), 0.95, 0.92, f"worst {min(shares):.3f}")
    yield _precision(clothes)
    yield _reviewed_by_people(animals)


def _cases(photographs: Photographs, kind: str, rate: float) -> Iterator[tuple[float, float, float]]:
    """Average precision of ours, of cleanlab's self-confidence and of the reference, for each seed."""
    for seed in SEEDS:
        labels = _flipped(photographs, kind, rate, seed)
        wrong = labels != photographs.truth
        ours, cleanlab, reference = (
            float(average_precision_score(wrong, score(photographs, labels)))
            for score in (_ours, _self_confidence, _reference)
        )
        yield ours, cleanlab, reference


def _precision(clothes: Photographs) -> Result:
    """Of the photographs of the train folders that stand first, as many as were flipped."""
    train = np.array([file.startswith("train/") for file in clothes.files])
    photographs = Photographs("train", clothes.vectors[train], clothes.truth[train], [])
    found = []
    for seed in MORE_SEEDS:
        labels = _flipped(photographs, "uniform", 0.05, seed)
        wrong = labels != photographs.truth
        ranked = [np.argsort(-score(photographs, labels), kind="stable") for score in (_ours, _reference)]
        found.append([float(wrong[order[: wrong.sum()]].mean()) for order in ranked])
    ours, reference = np.mean(found, axis=0)
    detail = f"{wrong.sum()} of {len(labels)}, {len(found)} seeds, least {min(found)[0]:.2f}; reference {reference:.3f}"
    return Result("precision at the number of flips, clothing train 5%", ours, 0.8, 0.78, detail)


def _reviewed_by_people(animals: Photographs) -> Result:
    """Labels of the CIFAR-10 test set as they are, by what five reviewers said of some."""
    with shared("label_issues", "human_review.csv").open() as lines:
        verdicts = {row["file"]: row["verdict"] for row in csv.DictReader(lines)}
    told = [verdicts.get(file, "no_majority") for file in animals.files]
    seen = np.array([verdict != "no_majority" for verdict in told])
    wrong = np.array([verdict.startswith("wrong") for verdict in told])[seen]
    scores = (_ours(animals, animals.truth)[seen], _self_confidence(animals, animals.truth)[seen])
    ours, cleanlab = (float(roc_auc_score(wrong, score)) for score in scores)
    detail = (
        f"AUROC {ours:.3f}, cleanlab's self-confidence {cleanlab:.3f}; {wrong.sum()} wrong of {len(wrong)} reviewed"
    )
    return Result("wrong by five reviewers, CIFAR-10 test / cleanlab", ours / cleanlab, 1, 1, detail)


def _ours(photographs: Photographs, labels: np.ndarray) -> np.ndarray:
    ranking = rank_labels(photographs.vectors, labels, _alone(labels), np.zeros(len(labels), bool))
    return ranking.score


def _self_confidence(photographs: Photographs, labels: np.ndarray) -> np.ndarray:
    """With the same probe, cross-validated."""
    from cleanlab.rank import get_label_quality_scores

    unseen = unseen_logits(as_features(photographs.vectors), labels, _alone(labels), np.ones(len(labels), bool))
    quality = get_label_quality_scores(labels, softmax(unseen), method="self_confidence")
    return 1 - np.asarray(quality)


def _reference(photographs: Photographs, labels: np.ndarray) -> np.ndarray:
    """The margin of the given labels by the same probe, cross-validated, that learned the true ones."""
    truth, rows = photographs.truth, np.arange(len(labels))
    logits = unseen_logits(as_features(photographs.vectors), truth, _alone(truth), np.ones(len(truth), bool))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return np.asarray(others.max(axis=1) - logits[rows, labels])


def _alone(labels: np.ndarray) -> list[str]:
    return [f"{number:05d}" for number in range(len(labels))]


def _flipped(photographs: Photographs, kind: str, rate: float, seed: int) -> np.ndarray:
    """Labels of which a share is wrong: of any other class, or of the class whose photographs are most alike."""
    chance = np.random.default_rng(seed)
    truth, kinds = photographs.truth, int(photographs.truth.max()) + 1
    wrong = chance.choice(len(truth), round(rate * len(truth)), replace=False)
    labels = truth.copy()
    if kind == "uniform":
        labels[wrong] = (truth[wrong] + chance.integers(1, kinds, len(wrong))) % kinds
    else:
        means = np.stack([photographs.vectors[truth == code].mean(axis=0) for code in range(kinds)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        alike = means @ means.T - 2 * np.eye(kinds)
        labels[wrong] = alike.argmax(axis=1)[truth[wrong]]
    return labels
