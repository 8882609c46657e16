"""Label errors: flipped labels come first, with their true class suggested; what is known to be right is left alone."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tasks.review.label_errors import as_features, rank_labels, softmax, unseen_logits

KINDS, EACH = 4, 120


def made(flips: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors in overlapping clusters, their true classes, and labels of which some are flipped."""
    chance = np.random.default_rng(seed)
    truth = np.repeat(np.arange(KINDS), EACH)
    vectors = chance.standard_normal((len(truth), 300)) + 6 * np.eye(KINDS, 300)[truth]
    labels = truth.copy()
    wrong = chance.choice(len(truth), flips, replace=False)
    labels[wrong] = (truth[wrong] + chance.integers(1, KINDS, flips)) % KINDS
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth, labels


def alone(labels: np.ndarray) -> list[str]:
    return [f"s{number}" for number in range(len(labels))]


def test_flipped_labels_come_first_and_their_true_class_is_suggested() -> None:
    vectors, truth, labels = made(flips=40)
    ranking = rank_labels(vectors, labels, alone(labels), np.zeros(len(labels), bool))
    wrong = labels != truth
    assert average_precision_score(wrong, ranking.score) > 0.98
    assert ranking.score.sum() == pytest.approx(wrong.sum(), rel=0.25)
    assert (ranking.suggested == truth)[wrong].mean() > 0.98
    assert (ranking.suggested != labels).all()
    assert ((ranking.score >= 0) & (ranking.score <= 1)).all()


def test_the_same_labels_give_the_same_scores() -> None:
    vectors, _, labels = made(flips=20)
    one, other = (rank_labels(vectors, labels, alone(labels), np.zeros(len(labels), bool)) for _ in range(2))
    assert np.array_equal(one.score, other.score)


def test_two_classes_and_sound_labels_raise_few_doubts() -> None:
    vectors, truth, _ = made(flips=0)
    two = truth < 2
    ranking = rank_labels(vectors[two], truth[two], alone(truth[two]), np.zeros(two.sum(), bool))
    assert (ranking.score > 0.5).sum() <= 2


def test_labels_known_to_be_right_are_learned_from_however_odd_they_look() -> None:
    vectors, truth, _ = made(flips=0)
    labels = truth.copy()
    odd = np.flatnonzero(truth == 0)[:50]
    labels[odd] = 1
    trusted = np.isin(np.arange(len(labels)), odd)
    plain, told = (rank_labels(vectors, labels, alone(labels), one) for one in (np.zeros_like(trusted), trusted))
    others = np.flatnonzero((truth == 0) & ~trusted)
    assert told.given_share[odd].mean() > plain.given_share[odd].mean() + 0.1
    assert told.score[others].mean() > plain.score[others].mean()


def test_near_duplicates_do_not_vouch_for_each_other() -> None:
    chance = np.random.default_rng(1)
    labels = np.arange(60) % 3
    once = chance.standard_normal((60, 200)).astype(np.float32)
    vectors, twice = np.repeat(once, 2, axis=0), np.repeat(labels, 2)
    pairs = [f"pair{number // 2}" for number in range(120)]
    features, rows, every = as_features(vectors), np.arange(120), np.ones(120, bool)
    together, apart = (
        softmax(unseen_logits(features, twice, groups, every))[rows, twice].mean() for groups in (pairs, alone(twice))
    )
    assert together < 0.45 < 0.6 < apart


def test_recordings_that_are_one_group_are_judged_nevertheless() -> None:
    vectors, _, labels = made(flips=20)
    ranking = rank_labels(vectors, labels, ["one"] * len(labels), np.zeros(len(labels), bool))
    assert np.isfinite(ranking.score).all()
