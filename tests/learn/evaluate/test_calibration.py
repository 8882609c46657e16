"""Probabilities that mean what they say."""

import numpy as np
import pytest

from tasks.labels.values import LabelType, Value
from tasks.learn.evaluate.calibration import calibration, expected_error, fitted_temperature, reliability
from tasks.learn.evaluate.kinds import answers
from tasks.learn.models.file import ModelConfig
from tasks.learn.models.predict import calibrated

NAMES = ("a", "b", "c")


def said(seed: int, rows: int, temperature: float, label_type: LabelType) -> tuple[list[Value], list[Value]]:
    """Labels that come as probabilities say, and the probabilities made too sure by a temperature."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(rows, 3)) * 2
    if label_type == "class":
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels: list[Value] = [{"class": NAMES[chance.choice(3, p=row)]} for row in shares]
        told = np.exp(logits * temperature) / np.exp(logits * temperature).sum(axis=1, keepdims=True)
    else:
        there = chance.random((rows, 3)) < 1 / (1 + np.exp(-logits))
        labels = [{"classes": [name for name, one in zip(NAMES, row, strict=True) if one]} for row in there]
        told = 1 / (1 + np.exp(-logits * temperature))
    return labels, [{"probabilities": dict(zip(NAMES, row, strict=True))} for row in told.tolist()]


@pytest.mark.parametrize("label_type", ["class", "multilabel"])
def test_fitted_temperature__takes_back_what_was_too_sure(label_type: LabelType) -> None:
    validation, test = (answers(label_type, NAMES, *said(seed, 1500, 3.0, label_type)) for seed in (0, 1))
    temperature = fitted_temperature(validation)
    assert temperature == pytest.approx(3.0, rel=0.15)
    found = calibration(test, temperature or 1)
    assert found is not None
    assert found.after < 0.04 < 0.1 < found.before
    assert sum(one.n for one in found.bins) == 1500 * (1 if label_type == "class" else 3)


def test_fitted_temperature__few_labels_and_a_model_that_is_always_sure_tell_nothing() -> None:
    assert fitted_temperature(answers("class", NAMES, *said(0, 9, 1.0, "class"))) is None
    sure = answers("class", NAMES, [{"class": "a"}] * 20, [{"class": "a"}] * 20)
    assert fitted_temperature(sure) is None
    assert calibration(sure, 1.0) is None


@pytest.mark.parametrize("label_type", ["class", "multilabel"])
def test_calibrated__answers_are_calibrated_as_stored_values_are(label_type: LabelType) -> None:
    config = ModelConfig(
        version="m-1", kind="probe", label_type=label_type, classes=list(NAMES), ontology="things", ontology_version=1,
        snapshot="s", snapshot_hash="", test_hash="", temperature=2.5,
    )  # fmt: skip
    labels, values = said(0, 20, 1.0, label_type)
    stored = answers(label_type, NAMES, labels, [calibrated(config, value) for value in values])
    assert answers(label_type, NAMES, labels, values).calibrated(2.5).certainty()[0] == pytest.approx(
        stored.certainty()[0]
    )


def test_reliability__is_confidence_against_what_happened() -> None:
    bins = reliability(np.array([0.95, 0.95, 0.95, 0.95, 0.1]), np.array([True, True, True, False, False]))
    assert [(one.n, one.accuracy) for one in bins] == [(1, 0.0), (4, 0.75)]
    assert expected_error(bins) == pytest.approx((1 * 0.1 + 4 * 0.2) / 5)
    assert expected_error([]) == 0
