"""Strategies against brute force and against what they promise."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.labels.values import as_text
from tasks.learn.evaluate.slices import slices_of
from tasks.learn.evaluate.traits import QUARTERS, by_quarter
from tasks.select import coverage, diversity
from tasks.select.columns import kinds, numbers
from tasks.select.coverage import reference_of
from tasks.select.diversity import spread
from tasks.select.order import Chosen, ordered
from tasks.select.parts import Parts
from tasks.select.pool import Pick, Pool
from tasks.select.settings import SelectSettings
from tasks.select.tagged import Tags
from tasks.select.threshold import Threshold
from tasks.select.typicality import typicality_of
from tasks.store.errors import UsageError


def unit(count: int, dimensions: int, seed: int, centres: int = 6) -> np.ndarray:
    """Unit rows in a few clusters."""
    chance = np.random.default_rng(seed)
    middle = chance.normal(size=(centres, dimensions))
    rows = middle[chance.integers(centres, size=count)] + 0.4 * chance.normal(size=(count, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pool_of(vectors: np.ndarray, chosen: np.ndarray | None = None, **columns: list[object]) -> Pool:
    names = [f"{place:04d}" for place in range(len(vectors))]
    table = pa.table({"sample_id": names, "tags": [[] for _ in names], "metadata": ["{}"] * len(names), **columns})
    return Pool(table, vectors, np.zeros((0, vectors.shape[1]), np.float32) if chosen is None else chosen)


def picked(pool: Pool, budget: int, *strategies: object) -> Chosen:
    return ordered(pool, budget, SelectSettings.model_validate({"strategies": strategies}))


def cover(vectors: np.ndarray, chosen: np.ndarray, budget: int) -> list[Pick]:
    return picked(pool_of(vectors, chosen), budget, "coverage").picks


def covered_share(vectors: np.ndarray, centres: np.ndarray) -> float:
    return float(np.exp(2 * (vectors @ centres.T) - 2).max(axis=1).mean()) if len(centres) else 0.0


def greedy(vectors: np.ndarray, chosen: np.ndarray, budget: int) -> list[float]:
    """Coverage after each pick of the plain greedy algorithm."""
    centres, reached = chosen, []
    for _ in range(budget):
        shares = [covered_share(vectors, np.concatenate([centres, vectors[[row]]])) for row in range(len(vectors))]
        centres = np.concatenate([centres, vectors[[int(np.argmax(shares))]]])
        reached.append(max(shares))
    return reached


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(0, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_cover__reaches_what_the_plain_greedy_does(seed: int, count: int, old: int, dense: bool) -> None:
    vectors, chosen = unit(count, 8, seed), unit(old, 8, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "DENSE_ENTRIES", 10**9 if dense else 0)
        picks = cover(vectors, chosen, 8)
    assert len(picks) == min(8, count)
    assert len({pick.row for pick in picks}) == len(picks)
    expected = greedy(vectors, chosen, len(picks))
    for number in range(1, len(picks) + 1):
        centres = np.concatenate([chosen, vectors[[pick.row for pick in picks[:number]]]])
        assert covered_share(vectors, centres) == pytest.approx(expected[number - 1], abs=2e-5)


def test_cover__gains_are_the_coverage_that_each_pick_adds() -> None:
    vectors = unit(200, 16, 1)
    picks = cover(vectors, vectors[:0], 10)
    before = 0.0
    for number, pick in enumerate(picks, 1):
        now = covered_share(vectors, vectors[[one.row for one in picks[:number]]])
        assert pick.gain == pytest.approx(now - before, abs=1e-5)
        before = now
    assert "%" in picks[0].reason


def test_cover__any_prefix_is_what_a_smaller_budget_picks() -> None:
    vectors = unit(300, 16, 2)
    assert [pick.row for pick in cover(vectors, vectors[:0], 30)][:10] == [
        pick.row for pick in cover(vectors, vectors[:0], 10)
    ]


def test_cover__a_reference_sample_is_nearly_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(3000, 16, 3, centres=40)
    whole = covered_share(vectors, vectors[[pick.row for pick in cover(vectors, vectors[:0], 40)]])
    monkeypatch.setattr(coverage, "REFERENCE", 1000)
    drawn = covered_share(vectors, vectors[[pick.row for pick in cover(vectors, vectors[:0], 40)]])
    assert drawn > 0.99 * whole


def test_reference__who_was_drawn_for_it_is_not_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of directions that are all alike, and half of which are drawn."""
    monkeypatch.setattr(coverage, "REFERENCE", 1000)
    vectors = unit(2001, 32, 5, centres=2001)
    drawn = set(reference_of(2001).tolist())
    picks = [pick.row for pick in cover(vectors, vectors[:0], 100)]
    typical = np.argsort(-typicality_of(Parts.whole(vectors), 5))[:200].tolist()
    assert max(np.mean([row in drawn for row in rows]) for rows in (picks, typical)) < 0.7


def farthest_first(vectors: np.ndarray, chosen: np.ndarray, budget: int) -> list[float]:
    """Distances of the plain farthest-first traversal."""
    centres, found = [*chosen], []
    if not centres:
        centres, found = [vectors[int(np.argmax(vectors @ vectors.mean(axis=0)))]], [2.0]
    while len(found) < budget:
        distances = np.sqrt(np.maximum(0, 2 - 2 * (vectors @ np.array(centres).T).max(axis=1)))
        found.append(float(distances.max()))
        centres.append(vectors[int(distances.argmax())])
    return found


@given(st.integers(0, 1000), st.integers(2, 200), st.integers(0, 5), st.integers(2, 50))
@settings(max_examples=60, deadline=None)
def test_spread__is_farthest_first(seed: int, count: int, old: int, candidates: int) -> None:
    vectors, chosen = unit(count, 8, seed), unit(old, 8, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diversity, "CANDIDATES", candidates)
        order, distances = spread(vectors, chosen, 20, 0.0)
    assert len(order) == len(set(order)) == min(20, count)
    assert distances == pytest.approx(farthest_first(vectors, chosen, len(order)), abs=1e-3)


def test_spread__stops_at_the_distance() -> None:
    vectors = unit(500, 8, 4)
    order, distances = spread(vectors, vectors[:0], 500, 0.3)
    assert 1 < len(order) < 500
    assert min(distances) >= 0.3
    picked = vectors[order]
    nearest = np.sqrt(np.maximum(0, 2 - 2 * (vectors @ picked.T).max(axis=1)))
    assert nearest.max() < 0.3 + 1e-3


def test_random__a_sample_keeps_its_place_when_others_come() -> None:
    small, large = pool_of(unit(50, 4, 1)), pool_of(unit(80, 4, 1))
    order, later = picked(small, 50, "random").ids, picked(large, 80, "random").ids
    assert [name for name in later if name in order] == order
    assert picked(small, 50, {"random": {"seed": 1}}).ids != order


def test_threshold__keeps_the_range_and_drops_what_has_no_value() -> None:
    pool = pool_of(unit(4, 4, 1), sharpness=[0.1, 0.2, None, 0.3])
    assert Threshold(column="sharpness", at_least=0.15).keep(pool).tolist() == [False, True, False, True]
    assert Threshold(column="sharpness", at_least=0.1, at_most=0.2).keep(pool).tolist() == [True, True, False, False]


@pytest.mark.parametrize("column", ["heat", "metadata.heat"])
def test_threshold__of_a_key_of_the_metadata(column: str) -> None:
    said = ['{"heat": 3}', '{"heat": "7.5"}', '{"heat": "mild"}', '{"heat": null}', None, '{"heat": 20}']
    pool = pool_of(unit(6, 4, 0), metadata=said)
    assert Threshold(column=column, at_least=3, at_most=7.5).keep(pool).tolist() == [True, True] + [False] * 4


def test_columns__dots_lead_into_metadata_unless_a_key_has_that_name() -> None:
    said = ['{"weather": {"heat": 3, "sky": "grey"}}', '{"weather.heat": 7, "weather": {"heat": 1}}', '{"weather": 9}']
    pool = pool_of(unit(3, 4, 0), metadata=said)
    assert numbers(pool, "weather.heat") == pytest.approx([3, 7, np.nan], nan_ok=True)
    assert kinds(pool, "metadata.weather.sky")[0] == [{"grey": 1}, {}, {}]


@pytest.mark.parametrize("column", ["sample_id", "nothing"])
def test_threshold__only_numeric_columns(column: str) -> None:
    with pytest.raises(UsageError, match="numeric columns"):
        Threshold(column=column, at_least=0).keep(pool_of(unit(2, 4, 1)))


def test_tags__any_and_none() -> None:
    pool = (
        pool_of(unit(3, 4, 1)).columns.drop_columns(["tags"]).append_column("tags", pa.array([["a"], ["a", "b"], None]))
    )
    tagged = Pool(pool, unit(3, 4, 1), unit(0, 4, 1))
    assert Tags(any=["a", "b"]).keep(tagged).tolist() == [True, True, False]
    assert Tags(none=["b"]).keep(tagged).tolist() == [True, False, True]
    assert Tags(any=["a"], none=["b"]).keep(tagged).tolist() == [True, False, False]


def test_weights__what_the_model_is_weak_at_comes_first() -> None:
    said = [{"class": name} for name in ("cat", "dog", "cat", "cat")]
    pool = replace(
        pool_of(unit(4, 8, 0), prediction=[as_text(one) for one in said], brightness=[0.1, 0.1, 0.9, None]),
        weak=[
            {"behind": 0.2, "asked": [{"class": "cat"}]},
            {"behind": 0.6, "asked": [{"class": "cat"}, {"column": "brightness", "from": 0.1, "to": 0.3}]},
            {"behind": 0.9, "asked": [{"column": "site", "value": "north"}]},
        ],
    )
    assert numbers(pool, "findings.weak_slice").tolist() == [0.6, 0.0, 0.2, 0.2]
    ranked = picked(pool, 4, {"weights": {"column": "findings.weak_slice"}}).ids
    assert (ranked[0], ranked[-1]) == ("0000", "0001")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-8, 8).map(float), min_size=4, max_size=30).filter(lambda tested: len(set(tested)) > 1),
    st.lists(st.integers(-30, 30).map(lambda number: number / 2), min_size=1, max_size=20),
)
def test_weights__every_number_is_of_one_quarter_and_what_was_tested_of_its_own(
    tested: list[float], others: list[float]
) -> None:
    trait = by_quarter(tested)
    present = np.zeros((len(tested), 0), bool)
    slices = {one.name: one.asked for one in slices_of((), present, {"brightness": trait}, 0)}
    asked = [slices.get(f"brightness={name}", ()) for name in QUARTERS]
    weak = [{"behind": rank / 4, "asked": one} for rank, one in enumerate(asked, 1) if one]
    size = len(tested) + len(others)
    pool = pool_of(unit(size, 8, 0), brightness=[*tested, *others], prediction=[None] * size)
    found = numbers(replace(pool, weak=weak), "findings.weak_slice")
    assert found[: len(tested)].tolist() == [(QUARTERS.index(text) + 1) / 4 for text in trait.texts]
    if len(weak) == len(QUARTERS):
        first = np.searchsorted(np.quantile(tested, [0.25, 0.5, 0.75]), others)
        assert found[len(tested) :].tolist() == ((first + 1) / 4).tolist()
