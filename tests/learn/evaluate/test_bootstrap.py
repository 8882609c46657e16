"""Intervals that hold what they promise, and a paired test that is McNemar's."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from tasks.learn.evaluate.bootstrap import chance_of_loss, measured, measured_parts, paired, resampled
from tasks.learn.evaluate.classes import ClassAnswers
from tasks.learn.evaluate.settings import EvaluateSettings

NAMES = ("a", "b")
SETTINGS = EvaluateSettings(resamples=200)


def answers(right: np.ndarray, label: np.ndarray | None = None) -> ClassAnswers:
    label = np.arange(len(right)) % 2 if label is None else label
    return ClassAnswers(NAMES, label, np.eye(2)[np.where(right, label, 1 - label)])


def test_measured__the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance = np.random.default_rng(0)
    inside = 0
    for _ in range(150):
        found = measured(answers(chance.random(80) < 0.7), np.arange(80), SETTINGS).metrics["accuracy"]
        assert found.low <= found.value <= found.high
        inside += found.low <= 0.7 <= found.high
    assert 0.88 < inside / 150 <= 1


def test_measured__what_belongs_together_is_drawn_together() -> None:
    right = np.repeat(np.random.default_rng(1).random(20) < 0.7, 10)
    alone, together = (
        measured(answers(right), groups, SETTINGS).metrics["accuracy"]
        for groups in (np.arange(200), np.repeat(np.arange(20), 10))
    )
    assert alone.value == together.value
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert np.isnan(measured(answers(right), np.zeros(200, np.int64), SETTINGS).metrics["accuracy"].low)


def test_measured_parts__has_the_draws_of_the_metrics_and_counts_what_belongs_together_once() -> None:
    right = np.repeat(np.random.default_rng(1).random(20) < 0.7, 10)
    every, few = np.ones(200, bool), np.arange(200) < 60
    for groups in (np.arange(200), np.repeat(np.arange(20), 10)):
        whole, part = measured_parts([every, few], right.astype(float), groups, SETTINGS)
        assert whole == measured(answers(right), groups, SETTINGS).metrics["accuracy"]
        weights = np.concatenate(list(resampled(groups, SETTINGS.resamples)))
        drawn = [np.average(right[few], weights=one[few]) for one in weights if one[few].any()]
        assert (part.low, part.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
        assert part.value == right[few].mean()
    alone = measured_parts([few], right.astype(float), np.arange(200), SETTINGS)[0]
    assert part.high - part.low > 1.5 * (alone.high - alone.low)


def test_measured_parts__of_one_recording_nobody_can_tell() -> None:
    groups, right = np.repeat(np.arange(4), 5), np.tile([1.0, 0.0, 1.0, 1.0, 0.0], 4)
    one, two = measured_parts([groups == 2, groups > 1], right, groups, SETTINGS)
    assert (one.value, np.isnan([one.low, one.high]).all(), two.low <= 0.6 <= two.high) == (0.6, True, True)
    assert np.isnan(measured_parts([groups > 1], right, groups * 0, SETTINGS)[0].high)
    assert measured_parts([], right, groups, SETTINGS) == []


def test_resampled__every_draw_has_as_many_groups_and_is_the_same_again() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    first, again = (np.concatenate(list(resampled(groups, 50))) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert (first[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (first[:, 0] == first[:, 1]).all()


@pytest.mark.parametrize(("won", "lost"), [(12, 2), (8, 5), (3, 3)])
def test_paired__is_the_test_of_mcnemar(won: int, lost: int) -> None:
    one, other = np.ones(60, bool), np.ones(60, bool)
    other[:won], one[won : won + lost] = False, False
    label = np.zeros(60, np.int64)
    found = paired(
        answers(one, label), answers(other, label), np.arange(60), EvaluateSettings(resamples=4000)
    )  # fmt: skip
    assert found.difference.value == pytest.approx((won - lost) / 60)
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert found.p == pytest.approx(binomtest(won, won + lost).pvalue, abs=0.03)


def test_paired__frames_of_one_recording_are_one_piece_of_evidence() -> None:
    one, other = np.ones(100, bool), np.ones(100, bool)
    other[:30] = False
    groups = np.repeat(np.arange(10), 10)
    assert paired(answers(one), answers(other), np.arange(100), SETTINGS).p < 0.01
    assert paired(answers(one), answers(other), groups, SETTINGS).p > 0.1


@pytest.mark.parametrize(("won", "lost"), [(1, 9), (0, 40), (8, 5), (0, 0), (700, 800)])
def test_chance_of_loss__is_the_exact_test_of_mcnemar(won: int, lost: int) -> None:
    differences = np.array([1.0] * won + [-1.0] * lost + [0.0] * 20)
    expected = binomtest(won, max(won + lost, 1), alternative="less").pvalue if won + lost else 1.0
    assert chance_of_loss(differences, np.arange(len(differences))) == pytest.approx(expected, rel=0.1)


def test_chance_of_loss__counts_every_way_to_change_places_in_groups() -> None:
    chance = np.random.default_rng(0)
    for step in (1.0, 1 / 3):
        groups, differences = np.repeat(np.arange(10), 3), chance.integers(-3, 3, 30) * step
        sums = np.bincount(groups, differences)
        signs = np.array(list(itertools.product((-1, 1), repeat=10)))
        expected = (signs @ np.abs(sums) <= sums.sum() + 1e-9).mean()
        assert chance_of_loss(differences, groups) == pytest.approx(expected, abs=0.002)
    assert chance_of_loss(np.full(30, -1.0), np.zeros(30, np.int64)) == 0.5
