"""The usual range: what leaves it is noticed on the day, what only varies is not."""

import numpy as np
import pytest

from tasks.report.usual import HISTORY, judge


def judged(values: np.ndarray, **options: bool):
    """Judge with little noise and a range of at least 0.06 to both sides."""
    asked = {"logarithmic": False, "only_up": False} | options
    return judge(values, np.full(len(values), 0.005), 0.06, **asked)


def days(count: int, seed: int = 0, spread: float = 0.03) -> np.ndarray:
    """Brightness that varies around a half."""
    return 0.5 + np.random.default_rng(seed).normal(0, spread, count)


def test_judge__names_the_day_on_which_it_began_and_what_was_usual() -> None:
    values = days(40)
    values[30:] -= 0.32
    found = judged(values)
    assert found.since == 30
    assert found.out.tolist() == [False] * 30 + [True] * 10
    assert found.usual == pytest.approx(np.quantile(values[:30], (0.05, 0.95)))


def test_judge__alarms_are_rare_where_nothing_happened() -> None:
    alarms = [judged(days(60, seed)).since is not None for seed in range(200)]
    assert np.mean(alarms) < 0.03


def test_judge__what_came_back_is_no_alarm_but_stays_marked() -> None:
    values = days(40)
    values[20:23] = 0.1
    found = judged(values)
    assert np.flatnonzero(found.out).tolist() == [20, 21, 22]
    assert found.since is None
    values[-1] = 0.1
    assert judged(values).since == 39


def test_judge__what_lasts_becomes_usual() -> None:
    values = days(30 + HISTORY + 10)
    values[30:] -= 0.3
    found = judged(values)
    assert found.out[30 : 30 + HISTORY].all()
    assert not found.out[30 + HISTORY :].any()
    assert found.since is None


def test_judge__days_that_say_nothing_and_days_of_few_samples() -> None:
    values = days(20)
    values[5:9] = np.nan
    values[19] = 0.2
    assert judged(values).since == 19
    few = np.full(20, 0.005)
    few[19] = 0.2
    assert judge(values, few, 0.06, logarithmic=False, only_up=False).since is None
    assert judged(values[:4]).since is None
    assert judged(np.full(5, np.nan)).since is None


def test_judge__by_ratios_and_only_upwards() -> None:
    counts = np.array([200, 180, 230, 210, 190, 205, 220, 3.0])
    assert judge(counts, np.zeros(8), 0.7, logarithmic=True, only_up=False).since == 7
    assert judge(counts, np.zeros(8), 0.7, logarithmic=True, only_up=True).since is None
    counts[7] = 300
    assert judge(counts, np.zeros(8), 0.7, logarithmic=True, only_up=False).since is None
