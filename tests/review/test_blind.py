"""Blind second labels: drawn by chance, always the same ones, and an honest interval from few of them."""

import pytest
from scipy.stats import binomtest

from tasks.review.blind import drawn_blind, error_rate

SAMPLES = [f"sample-{number}" for number in range(20_000)]


def test_drawn_blind__a_stable_share_whatever_else_is_labelled() -> None:
    drawn = drawn_blind(SAMPLES, "clothes", 0.03)
    assert len(drawn) / len(SAMPLES) == pytest.approx(0.03, abs=0.004)
    assert drawn_blind(SAMPLES[:500], "clothes", 0.03) == [one for one in drawn if one in SAMPLES[:500]]
    assert set(drawn) <= set(drawn_blind(SAMPLES, "clothes", 0.05))
    assert set(drawn_blind(SAMPLES, "colours", 0.03)) != set(drawn)


def test_drawn_blind__what_models_are_tested_on_is_drawn_in_any_case() -> None:
    assert drawn_blind(SAMPLES[:3], "clothes", 0, always={SAMPLES[1]}) == [SAMPLES[1]]
    assert drawn_blind(SAMPLES[:3], "clothes", 1) == SAMPLES[:3]


@pytest.mark.parametrize(("wrong", "labels"), [(0, 20), (3, 40), (1, 1), (250, 1000)])
def test_error_rate__interval_is_wilsons(wrong: int, labels: int) -> None:
    rate = error_rate([False] * wrong + [True] * (labels - wrong))
    expected = binomtest(wrong, labels).proportion_ci(method="wilson")
    assert (rate.labels, rate.wrong, rate.rate) == (labels, wrong, wrong / labels)
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_error_rate__without_a_blind_label_nothing_is_known() -> None:
    nothing = error_rate([])
    assert (nothing.rate, nothing.low, nothing.high) == (None, 0.0, 1.0)


def test_error_rate__is_told_with_its_interval() -> None:
    assert error_rate([]).words == ""
    told = error_rate([True] * 95 + [False] * 5).words
    assert told == "By 100 blind second labels 5.0% of the labels are wrong (95 % interval 2.2% to 11.2%)."
