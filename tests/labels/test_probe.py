"""The linear probe that selection and learning share."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.labels.probe import fit_probe, probe_and_unseen, temperature_of

DRAW = np.random.default_rng(0)


def cloud(rows: int, dimensions: int, kinds: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    labels = DRAW.integers(0, kinds, rows)
    centres = np.random.default_rng(1).normal(size=(kinds, dimensions))
    vectors = centres[labels] + spread * DRAW.normal(size=(rows, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize(("rows", "dimensions", "kinds"), [(60, 100, 3), (200, 10, 4), (80, 120, 2)])
def test_fit_probe__is_logistic_regression_on_all_dimensions(rows: int, dimensions: int, kinds: int) -> None:
    vectors, labels = cloud(rows, dimensions, kinds, 2.0)
    probe = fit_probe(vectors, labels, kinds)
    plain = [LogisticRegression(C=strength, max_iter=5000, tol=1e-8).fit(vectors, labels) for strength in (1, 10, 100)]
    logits = vectors @ probe.weights.T + probe.bias
    same = [np.abs(one.predict_proba(vectors) - _softmax(logits)).max() for one in plain]
    assert min(same) < 1e-2


def test_fit_probe__knows_how_sure_it_is() -> None:
    vectors, labels = cloud(600, 20, 4, 3.0)
    fresh, truth = cloud(4000, 20, 4, 3.0)
    probe = fit_probe(vectors, labels, 4)
    shares = probe.probabilities(fresh)
    right = shares.argmax(axis=1) == truth
    assert shares.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)
    assert probe.accuracy == pytest.approx(right.mean(), abs=0.05)


def test_fit_probe__few_labels_and_missing_classes_are_no_trouble() -> None:
    vectors, _ = cloud(5, 8, 2, 1.0)
    one = fit_probe(vectors, np.ones(5, np.int64), 3)
    assert one.probabilities(vectors).argmax(axis=1).tolist() == [1] * 5
    two = fit_probe(vectors, np.array([0, 2, 2, 2, 2]), 3)
    assert two.accuracy is None
    assert two.probabilities(vectors)[:, 1].max() < 1e-6


def test_fit_probe__one_sample_of_another_class_does_not_make_it_sure() -> None:
    vectors, _ = cloud(300, 20, 2, 50.0)
    labels = np.random.default_rng(3).integers(0, 4, 300)
    labels[7] = 4
    probe, unseen = probe_and_unseen(vectors, labels, 5)
    assert probe.accuracy is not None
    assert probe.accuracy < 0.35
    assert probe.temperature > 1.5
    assert unseen is not None
    assert np.isfinite(unseen).all()


def test_fit_probe__frames_of_one_recording_do_not_vouch_for_each_other() -> None:
    places = np.repeat(np.random.default_rng(4).normal(size=(30, 20)), 10, axis=0).astype(np.float32)
    labels = np.repeat(np.random.default_rng(5).integers(0, 3, 30), 10)
    groups = [str(number // 10) for number in range(300)]
    alone, together = fit_probe(places, labels, 3), fit_probe(places, labels, 3, groups)
    assert alone.accuracy == 1
    assert together.accuracy is not None
    assert together.accuracy < 0.6


def test_fit_probe__balanced_it_finds_what_is_rare() -> None:
    vectors, labels = cloud(2000, 20, 2, 3.0)
    fresh, truth = cloud(2000, 20, 2, 3.0)
    rare = (labels == 0) | (np.arange(2000) % 50 == 0)
    plain, balanced = (fit_probe(vectors[rare], labels[rare], 2, balanced=one) for one in (False, True))
    found = [(probe.probabilities(fresh[truth == 1]).argmax(axis=1) == 1).mean() for probe in (plain, balanced)]
    assert found[0] < 0.4 < 0.6 < found[1]


def test_temperature_of__brings_probabilities_to_what_happens() -> None:
    labels = (DRAW.random(20_000) < 0.75).astype(np.int64)
    logits = np.tile([0.0, 6.0], (20_000, 1))
    assert 1 / (1 + np.exp(-6 / temperature_of(logits, labels))) == pytest.approx(0.75, abs=0.01)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def test_probe_and_unseen__says_of_each_sample_what_a_probe_without_it_does() -> None:
    vectors, _ = cloud(60, 200, 2, 50.0)
    chance = np.random.default_rng(2).integers(0, 2, 60)
    probe, unseen = probe_and_unseen(vectors, chance, 2)
    assert unseen is not None
    assert (probe.probabilities(vectors).argmax(axis=1) == chance).mean() > 0.9
    assert (unseen.argmax(axis=1) == chance).mean() < 0.75
    assert probe_and_unseen(vectors[:3], np.array([0, 0, 1]), 2)[1] is None
