"""Figures of classes equal those of scikit-learn, also where samples have weights."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from tasks.learn.evaluate.answers import Figures
from tasks.learn.evaluate.classes import ClassAnswers, class_answers
from tasks.learn.evaluate.multilabel import MultilabelAnswers, multilabel_answers

NAMES = ("dress", "skirt", "\u6587")


def classes(rows: int, seed: int) -> ClassAnswers:
    chance = np.random.default_rng(seed)
    label = np.concatenate([np.arange(3), chance.integers(0, 3, rows - 3)])
    shares = chance.dirichlet(np.ones(3), rows) + np.eye(3)[label] * 0.3
    return ClassAnswers(NAMES, label, shares / shares.sum(axis=1, keepdims=True))


def several(rows: int, seed: int) -> MultilabelAnswers:
    chance = np.random.default_rng(seed)
    present = chance.random((rows, 3)) < 0.4
    present[0] = True
    return MultilabelAnswers(NAMES, present, np.round(chance.random((rows, 3)) * 0.7 + present * 0.3, 1))


def first(figures: Figures, name: str) -> float:
    return float(figures.metrics[name][0])


@pytest.mark.parametrize("seed", range(4))
def test_class_answers__equal_scikit_learn(seed: int) -> None:
    answers = classes(60, seed)
    weights = np.random.default_rng(seed).integers(0, 4, (2, 60)).astype(float)
    weights[0] = 1
    said = answers.shares.argmax(axis=1)
    figures = answers.figures(weights)
    for row, weight in enumerate(weights):
        pair = {"y_true": answers.label, "y_pred": said, "sample_weight": weight}
        assert figures.metrics["accuracy"][row] == pytest.approx(accuracy_score(**pair), abs=1e-12)
        assert figures.metrics["balanced_accuracy"][row] == pytest.approx(balanced_accuracy_score(**pair), abs=1e-12)
        assert figures.metrics["f1"][row] == pytest.approx(f1_score(**pair, average="macro"), abs=1e-12)
        assert figures.per_class["recall"][row] == pytest.approx(recall_score(**pair, average=None), abs=1e-12)
        assert figures.per_class["precision"][row] == pytest.approx(precision_score(**pair, average=None), abs=1e-12)
    assert answers.confusion.tolist() == confusion_matrix(answers.label, said).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_multilabel_answers__equal_scikit_learn_also_with_ties(seed: int) -> None:
    answers = several(50, seed)
    weights = np.random.default_rng(seed).integers(0, 4, (2, 50)).astype(float)
    weights[0] = 1
    figures = answers.figures(weights)
    for row, weight in enumerate(weights):
        expected = average_precision_score(answers.present, answers.shares, average=None, sample_weight=weight)
        assert figures.per_class["ap"][row] == pytest.approx(expected, abs=1e-12)
        assert figures.metrics["mAP"][row] == pytest.approx(np.mean(expected), abs=1e-12)
        said = answers.shares >= 0.5
        f1 = f1_score(answers.present, said, average="macro", sample_weight=weight)
        assert figures.metrics["f1"][row] == pytest.approx(f1, abs=1e-12)


def test_figures__what_is_not_there_is_not_known_and_counts_for_nothing() -> None:
    said = [{"probabilities": {"dress": 0.9}}, {"probabilities": {"skirt": 0.6, "dress": 0.4}}]
    answers = class_answers(NAMES, [{"class": "dress"}, {"class": "dress"}], said)
    figures = answers.figures(np.ones((1, 2)))
    assert first(figures, "balanced_accuracy") == 0.5
    assert np.isnan(figures.per_class["recall"][0]).tolist() == [False, True, True]


def test_answers__a_sample_without_a_prediction_is_wrong() -> None:
    answers = class_answers(NAMES, [{"class": "dress"}] * 2, [{"class": "dress"}, None])
    assert answers.right.tolist() == [1, 0]
    assert answers.mistakes() == []
    labels = [{"classes": ["dress"]}, {"answer": "empty"}, {"answer": "empty"}]
    loose = multilabel_answers(NAMES, labels, [None, None, {"probabilities": {"skirt": 0.9}}])
    assert loose.right.tolist() == [0, 1, 0]


def test_mistakes__the_surest_first() -> None:
    labels = [{"classes": ["dress"]}, {"answer": "empty"}]
    said = [{"probabilities": {"dress": 0.2, "skirt": 0.6}}, {"probabilities": {"skirt": 0.9}}]
    found = multilabel_answers(NAMES, labels, said).mistakes()
    told = [(one.place, one.label, one.predicted, round(one.probability, 6), one.kind) for one in found]
    assert told == [
        (1, "", "skirt", 0.9, "false_positive"),
        (0, "dress", "", 0.8, "false_negative"),
        (0, "", "skirt", 0.6, "false_positive"),
    ]


def test_beside_and_take__are_the_same_samples_again() -> None:
    for one, other in [(classes(20, 0), classes(20, 1)), (several(20, 0), several(20, 1))]:
        both = one.beside(other)  # type: ignore[arg-type]
        weights = np.concatenate([np.zeros(20), np.ones(20)])[None]
        every = np.ones((1, 20))
        for name, figure in other.figures(every).metrics.items():
            assert both.figures(weights).metrics[name] == pytest.approx(figure)
            again = both.take(np.arange(39, 19, -1))
            assert again.figures(every).metrics[name] == pytest.approx(figure)
