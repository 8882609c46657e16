"""Strategies that look at crops: against brute force, and on a small known set."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.select import coverage
from tasks.select.crops import Crops
from tasks.select.parts import Parts
from tasks.select.pool import Pool
from tasks.store.errors import UsageError
from tests.select.test_grammar import on_circle
from tests.select.test_strategies import picked, pool_of, unit

Shown = list[np.ndarray]
"""What each sample shows: (k, d), unit rows."""


def pool_showing(shown: Shown, before: Shown = [], **queries: np.ndarray) -> Pool:  # noqa: B006
    """A pool whose samples, as wholes, all look alike."""

    def parts(of: Shown) -> Parts:
        return Parts.of_each(np.concatenate([*of, np.zeros((0, 2), np.float32)]), map(len, of))

    def whole(count: int) -> np.ndarray:
        return np.tile(np.eye(1, 2, dtype=np.float32), (count, 1))

    asked = {("tag", name): vectors for name, vectors in queries.items()}
    return replace(
        pool_of(whole(len(shown)), whole(len(before))),
        before=pa.table({"sample_id": [f"b{place}" for place in range(len(before))]}),
        crops=Crops(parts(shown), parts(before), asked),
    )


def of_crops(strategy: str, **settings: Any) -> dict[str, Any]:
    return {strategy: {"of": "crops", **settings}}


def places(pool: Pool, budget: int, *strategies: object) -> list[int]:
    return [int(name) for name in picked(pool, budget, *strategies).ids]


STREETS = [
    on_circle([0, 1, 2]),
    on_circle([1]),
    on_circle([2, 80]),
    on_circle([]),
    on_circle([0, 40]),
    on_circle([80, 81]),
]
"""Cars at 0 to 2 degrees, a bus at 40, vans at 80 and 81; the fourth picture shows nothing."""


def test_diversity__takes_pictures_that_show_something_new() -> None:
    cars = [on_circle([0, 1, 2])]
    assert set(places(pool_showing(STREETS, cars), 2, of_crops("diversity"))) == {4, 5}
    assert set(places(pool_showing(STREETS, cars), 6, of_crops("diversity", min_distance=0.3))) == {4, 5}


def test_coverage__takes_pictures_whose_crops_stand_for_the_most() -> None:
    pool = pool_showing(STREETS)
    assert places(pool, 1, of_crops("coverage", radius=0.2)) == [2]
    assert set(places(pool, 2, of_crops("coverage", radius=0.2))) == {2, 4}
    told = picked(pool, 2, of_crops("coverage", radius=0.2)).told["reached"]["coverage of crops"]
    assert told["before"] == 0
    assert told["after"] > 0.95


def test_typicality__neighbours_in_the_same_picture_do_not_count() -> None:
    shown = [on_circle([0, 0, 0]), on_circle([60]), on_circle([61]), on_circle([]), on_circle([120])]
    found = places(pool_showing(shown), 5, of_crops("typicality", num_nearest_neighbors=2))
    assert set(found[:2]) == {1, 2}
    assert 3 not in places(pool_showing(shown), 5, of_crops("typicality", min_typicality=0.01))


def test_similarity__takes_pictures_that_show_something_like_it() -> None:
    pool = pool_showing(STREETS, vans=on_circle([80, 82]))
    assert set(places(pool, 2, of_crops("similarity", tag="vans"))) == {2, 5}
    with pytest.raises(UsageError, match="of tag 'trams'"):
        picked(pool_showing(STREETS, trams=on_circle([])), 1, of_crops("similarity", tag="trams"))


def test_crops__go_with_whole_images_and_filters() -> None:
    pool = pool_showing(STREETS, [on_circle([0])], vans=on_circle([80]))
    pool = replace(pool, columns=pool.columns.append_column("heat", pa.array([5.0, 1, 1, 1, 1, 1])))
    cold = {"threshold": {"column": "heat", "at_most": 2}}
    assert 0 not in places(pool, 5, cold, of_crops("diversity"))
    found = picked(pool, 2, cold, of_crops("diversity"), of_crops("similarity", tag="vans"), "random")
    assert "shows something" in found.picks[0].reason
    assert places(pool.where(np.array([False] * 4 + [True] * 2)), 1, of_crops("diversity")) == [5]
    forgotten = pool.forgetting(np.array([True]))
    assert places(forgotten, 1, of_crops("diversity")) == [0]


def test_crops__that_nobody_has_are_no_error_and_nothing_is_picked() -> None:
    """New samples are predicted after the selection of the same run: the next one picks among them."""
    for pool in (pool_of(unit(3, 4, 0)), pool_showing([on_circle([]), on_circle([])])):
        found = picked(pool, 1, of_crops("diversity"), "random")
        assert found.ids == []
        assert "no sample of the pool has a crop" in found.told["stopped"]


@pytest.mark.parametrize("strength", [1, 0.05, -1, -0.05])
@pytest.mark.parametrize("strategy", ["diversity", "coverage", "typicality", "similarity"])
def test_crops__a_picture_without_any_comes_last_whatever_the_strength(strategy: str, strength: float) -> None:
    pool = pool_showing(STREETS, vans=on_circle([80, 82]))
    pool = replace(pool, columns=pool.columns.append_column("heat", pa.array([1.0, 1, 1, 1e9, 1, 1])))
    asked = of_crops(strategy, strength=strength, **({"tag": "vans"} if strategy == "similarity" else {}))
    found = picked(pool, 6, asked, {"weights": {"column": "heat", "strength": 10}})
    assert found.ids[-1] == "0003"
    assert "shows nothing" in found.picks[-1].reason
    assert not any("shows nothing" in pick.reason for pick in found.picks[:-1])
    alone = picked(pool, 6, asked)
    assert alone.picks[-1].gain == 0
    before = picked(pool, 5, asked).told["reached"]
    assert alone.told["reached"] == before


def distance(shown: np.ndarray, chosen: np.ndarray) -> float:
    """Of the object that is farthest from its nearest chosen one."""
    if not len(shown):
        return -1.0
    nearest = (shown @ chosen.T).max(axis=1) if len(chosen) else np.full(len(shown), -1.0)
    return float(np.sqrt(np.maximum(0, 2 - 2 * nearest)).max())


def covered(every: np.ndarray, chosen: np.ndarray) -> float:
    return float(np.exp(2 * (every @ chosen.T) - 2).max(axis=1).mean()) if len(chosen) else 0.0


Value = Callable[[np.ndarray, np.ndarray], float]


def greedy(shown: Shown, chosen: np.ndarray, budget: int, value: Value) -> list[float]:
    """The values of the plain greedy algorithm's picks."""
    left, found = list(range(len(shown))), []
    for _ in range(min(budget, len(shown))):
        values = [value(shown[row], chosen) for row in left]
        best = left.pop(int(np.argmax(values)))
        found.append(max(values))
        chosen = np.concatenate([chosen, shown[best]])
    return found


@given(st.integers(0, 1000), st.lists(st.integers(0, 4), min_size=2, max_size=15), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_crops__are_picked_as_the_plain_greedy_does(seed: int, counts: list[int], old: int, dense: bool) -> None:
    counts = [1, *counts]
    every = unit(sum(counts), 2, seed, centres=5)
    shown = np.split(every, np.cumsum(counts)[:-1])
    before = [unit(old, 2, seed + 1)] if old else []
    chosen = np.concatenate([*before, every[:0]])
    pool = pool_showing(shown, before)
    found = picked(pool, 6, of_crops("diversity"))
    assert [pick.gain for pick in found.picks] == pytest.approx(
        [max(0, one) for one in greedy(shown, chosen, 6, distance)], abs=1e-3
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "DENSE_ENTRIES", 10**9 if dense else 0)
        patch.setattr(coverage, "PARTS_AT_ONCE", 3)
        picks = picked(pool, 6, of_crops("coverage")).picks
    gains = greedy(shown, chosen, 6, lambda some, so_far: covered(every, np.concatenate([so_far, some])))
    reached = np.cumsum([pick.gain for pick in picks]) + covered(every, chosen)
    assert reached == pytest.approx(gains, abs=1e-4)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.data())
def test_parts__join_what_belongs_together(counts: list[int], data: st.DataObject) -> None:
    vectors = np.arange(2 * sum(counts), dtype=np.float32).reshape(-1, 2)
    parts = Parts.of_each(vectors, counts)
    rows = np.array(data.draw(st.lists(st.integers(0, len(counts) - 1), unique=True)), np.int64)
    owned = [vectors[parts.starts[row] : parts.starts[row + 1]] for row in rows]
    joined = parts.join(rows, vectors[parts.places(rows)][:, 0], np.maximum, -1.0)
    assert joined.tolist() == [part[:, 0].max() if len(part) else -1.0 for part in owned]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(counts), max_size=len(counts))), bool)
    kept = parts.where(mask)
    assert len(kept) == mask.sum()
    assert np.array_equal(kept.vectors, vectors[mask[parts.owners]])


def test_blank_own__where_parts_of_a_sample_meet() -> None:
    parts = Parts.of_each(np.zeros((5, 2), np.float32), [2, 0, 3])
    matrix = np.zeros((3, 3), np.float32)
    parts.blank_own(matrix, np.array([0, 2, 4]), np.array([1, 3, 4]), 7)
    assert matrix.tolist() == [[7, 0, 0], [0, 7, 7], [0, 7, 7]]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 12))
def test_chunks__are_small_and_leave_nothing_out(counts: list[int], most: int) -> None:
    parts = Parts.of_each(np.zeros((sum(counts), 2), np.float32), counts)
    rows = np.random.default_rng(0).permutation(len(counts))
    chunks = [rows[chunk] for chunk in parts.chunks(rows, most)]
    assert np.concatenate(chunks).tolist() == rows.tolist()
    assert all(len(chunk) == 1 or parts.counts[chunk].sum() <= most for chunk in chunks)
