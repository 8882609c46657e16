"""The greedy pass against a plain loop that looks at every candidate anew before each pick."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.select.greedy import FLOOR, Places, Term, Values, pick_greedily
from tasks.select.objectives import Fixed
from tasks.select.pool import Pool
from tasks.select.settings import SelectSettings
from tests.select.test_strategies import picked, pool_of, unit

CLASSES = ("rain", "snow", "sun")

Objective = Callable[[Pool, list[int], int], float]


def distance_to_chosen(pool: Pool, picked: list[int], row: int) -> float:
    centres = np.concatenate([pool.chosen, pool.vectors[picked]])
    return float(np.linalg.norm(centres - pool.vectors[row], axis=1).min()) if len(centres) else 2.0


def newly_covered(pool: Pool, picked: list[int], row: int) -> float:
    centres = np.concatenate([pool.chosen, pool.vectors[picked]])
    kernel = [np.exp(-np.square(pool.vectors - centre).sum(axis=1)) for centre in [*centres, pool.vectors[row]]]
    before = np.max([np.zeros(len(pool)), *kernel[:-1]], axis=0)
    return float(np.mean(np.maximum(kernel[-1] - before, 0)))


def typical(pool: Pool, _picked: list[int], row: int) -> float:
    distances = np.sort(np.linalg.norm(pool.vectors - pool.vectors[row], axis=1))
    return 1 / (1 + float(distances[1:4].mean()))


def quotient(pool: Pool, picked: list[int], row: int) -> float:
    weather = pool.columns["weather"].to_pylist()
    same = sum(weather[one] == weather[row] for one in picked)
    return float(1 / len(set(weather)) / (same + 0.5))


def heat(pool: Pool, _picked: list[int], row: int) -> float:
    return float(pool.columns["heat"].to_pylist()[row])


PLAIN: dict[str, tuple[dict[str, Any], Objective]] = {
    "diversity": ({}, distance_to_chosen),
    "coverage": ({}, newly_covered),
    "typicality": ({"num_nearest_neighbors": 3}, typical),
    "balance": ({"column": "weather"}, quotient),
    "weights": ({"column": "heat"}, heat),
}


@given(
    st.integers(0, 1000),
    st.integers(4, 24),
    st.integers(0, 3),
    st.lists(st.sampled_from(sorted(PLAIN)), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from([-1.0, 0.5, 1.0, 2.0]), min_size=4, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_pick_greedily__is_the_plain_greedy(
    seed: int, size: int, old: int, names: list[str], strengths: Sequence[float]
) -> None:
    pool = made(seed, size, old)
    asked = SelectSettings.model_validate(
        {"strategies": [{name: PLAIN[name][0] | {"strength": strengths[place]}} for place, name in enumerate(names)]}
    )
    terms = [term for strategy in asked.pickers for term in strategy.terms(pool)]
    passed = pick_greedily(terms, size, 8)
    assert len(set(passed.rows)) == len(passed.rows) == min(8, size)

    def product(picked: list[int], row: int) -> float:
        plain = [max(PLAIN[name][1](pool, picked, row), FLOOR) for name in names]
        return float(sum(np.log(value) * strength for value, strength in zip(plain, strengths, strict=False)))

    for place, row in enumerate(passed.rows):
        before = passed.rows[:place]
        best = max(product(before, other) for other in range(size) if other not in before)
        assert product(before, row) == pytest.approx(best, abs=2e-3)


@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0, 1), st.sampled_from([-1.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_target_range__is_reached_and_the_budget_too(seed: int, budget: int, place: float, strength: float) -> None:
    """Where the range is as wide as the numbers lie apart, some choice of so many is always in it."""
    pool = made(seed, 12, 0)
    heats = np.sort(pool.columns["heat"].to_numpy())
    least, most = heats[:budget].sum(), heats[-budget:].sum()
    bottom = least + place * (most - least)
    target = {"min_sum": bottom, "max_sum": bottom + heats[-1] - heats[0]}
    weights = {"column": "heat", "strength": strength, "target_range": target}
    found = picked(pool, budget, {"weights": weights}, "diversity")
    assert len(found.ids) == budget
    total = found.told["reached"]["weights heat"]["sum"]
    assert target["min_sum"] - 1e-6 <= total <= target["max_sum"] + 1e-6


def made(seed: int, size: int, old: int) -> Pool:
    chance = np.random.default_rng(seed)
    return pool_of(
        unit(size, 8, seed),
        unit(old, 8, seed + 1),
        weather=[CLASSES[place] for place in chance.integers(3, size=size)],
        heat=chance.uniform(0.1, 2, size).tolist(),
    )


@pytest.mark.timeout(30)
@pytest.mark.parametrize("names", [["balance"], ["balance", "weights"]])
def test_pick_greedily__of_thousands_of_equals_takes_the_first_outdated_or_not(names: list[str]) -> None:
    """More of them than are brought up to date together, and after each pick many are outdated."""
    weather = [CLASSES[place % 3] for place in range(5000)]
    heats = [1.0 + place % 2 for place in range(5000)]
    pool = pool_of(np.ones((5000, 1), np.float32), weather=weather, heat=heats)
    found = picked(pool, 20, *[{name: PLAIN[name][0]} for name in names])
    rows: list[int] = []
    while len(rows) < 20:
        scores = 1 / (0.5 + np.array([[weather[row] for row in rows].count(one) for one in weather]))
        scores *= np.array(heats) if "weights" in names else 1
        scores[rows] = 0
        rows.append(int(np.argmax(scores)))
    assert [int(name) for name in found.ids] == rows


class Barring(Fixed):
    """Bars each candidate from so many picks on; never one of which there is nothing to say."""

    change = "falls"

    def __init__(self, name: str, until: list[int], lacking: list[bool]) -> None:
        super().__init__(name, np.array(until, np.float64), "{}", np.array(lacking, bool), "says nothing")
        self.count = 0

    def values(self, rows: Places) -> Values:
        return np.where(self.stated[rows] > self.count, 1.0, 0.0)

    def add(self, row: int) -> None:
        self.count += 1


NEVER = 99


@given(st.data(), st.integers(1, 7), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_pick_greedily__names_what_gave_out(drawn: st.DataObject, size: int, several: int) -> None:
    """Each that bars all that is left alone; where none does, all that bar any of it."""
    rows = st.lists(st.sampled_from([0, 0, 1, 2, 3, NEVER]), min_size=size, max_size=size)
    blanks = st.lists(st.sampled_from([False, False, False, True]), min_size=size, max_size=size)
    bars = [Barring(f"term {place}", drawn.draw(rows), drawn.draw(blanks)) for place in range(several)]
    strengths = drawn.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=several, max_size=several))
    terms = [Term(bar, strength) for bar, strength in zip(bars, strengths, strict=True)]
    passed = pick_greedily(terms, size, size)
    left = [row for row in range(size) if row not in passed.rows]
    barred = {
        bar.name: [row for row in left if bar.stated[row] <= len(passed.rows) and not bar.lacking[row]] for bar in bars
    }
    assert all(any(row in rows for rows in barred.values()) for row in left)
    alone = [name for name, rows in barred.items() if rows == left]
    some = [name for name, rows in barred.items() if rows]
    if not left:
        assert passed.stopped is None
    elif len(alone) == 1:
        assert passed.stopped == f"{alone[0]} allows no further pick"
    elif alone:
        assert passed.stopped == f"{' and '.join(alone)} allow no further pick"
    else:
        assert passed.stopped == f"{' and '.join(some)} together allow no further pick"


@given(st.integers(0, 1000), st.floats(0.3, 1.2), st.floats(0.4, 0.6))
@settings(max_examples=60, deadline=None)
def test_pick_greedily__names_what_gave_out_of_real_stops(seed: int, least: float, typically: float) -> None:
    pool = made(seed, 14, 0)
    asked = [
        {"diversity": {"min_distance": least}},
        {"typicality": {"num_nearest_neighbors": 3, "min_typicality": typically}},
    ]
    found = picked(pool, 14, *asked)
    chosen = [int(name) for name in found.ids]
    left = [row for row in range(14) if row not in chosen]
    near = [distance_to_chosen(pool, chosen, row) < least for row in left]
    odd = [typical(pool, chosen, row) < typically for row in left]
    for name, barred in (("diversity", near), ("typicality", odd)):
        if left and all(barred):
            assert name in str(found.told["stopped"])
        elif all(near) or all(odd):
            assert name not in str(found.told["stopped"])
    if left and not all(near) and not all(odd):
        assert found.told["stopped"] == "diversity and typicality together allow no further pick"


def test_pick_greedily__names_all_sums_that_would_be_exceeded() -> None:
    pool = pool_of(unit(4, 4, 0), heat=[1.0] * 4, cost=[2.0] * 4)
    asked = [{"weights": {"column": "heat", "max_sum": 2.5}}, {"weights": {"column": "cost", "max_sum": 5}}]
    stopped = picked(pool, 4, *asked).told["stopped"]
    assert stopped == "weights heat: the sum would exceed 2.5; weights cost: the sum would exceed 5"
