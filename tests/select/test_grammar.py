"""Every strategy with every input shows its effect on a small known set."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.labels.values import as_text
from tasks.select.columns import kinds, numbers
from tasks.select.pool import Pool
from tasks.store.errors import UsageError
from tests.select.test_strategies import picked, pool_of, unit

ANGLES = [0, 1, 2, 3, 4, 40, 41, 80]
"""Degrees: five samples close together, a pair, one alone."""


def on_circle(angles: list[float]) -> np.ndarray:
    turned = np.radians(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def circle(**columns: list[Any]) -> Pool:
    return pool_of(on_circle(ANGLES), **columns)


def boxes(*classes: str, score: float = 0.5) -> str:
    box = {"x": 0, "y": 0, "width": 5, "height": 5, "score": score}
    return as_text({"boxes": [{"class": one, **box} for one in classes]} if classes else {"answer": "empty"})


def shares(**probabilities: float) -> str:
    return as_text({"probabilities": probabilities})


def places(pool: Pool, budget: int, *strategies: object) -> list[int]:
    return [int(name) for name in picked(pool, budget, *strategies).ids]


@pytest.mark.parametrize(
    ("strategies", "expected"),
    [
        (["diversity"], {4, 6, 7}),
        ([{"coverage": {"radius": 0.1}}], {2, 5, 7}),
        ([{"typicality": {"num_nearest_neighbors": 2}}], {1, 2, 3}),
        ([{"typicality": {"num_nearest_neighbors": 2, "strength": -1}}], {5, 6, 7}),
        ([{"similarity": {"tag": "lonely"}}], {5, 6, 7}),
        ([{"similarity": {"selection": "first"}}], {0, 1, 2}),
        ([{"similarity": {"samples": ["0005"]}}], {4, 5, 6}),
        ([{"similarity": {"tag": "lonely", "strength": -1}}], {0, 1, 2}),
        ([{"diversity": {"min_distance": 0.3}}, {"typicality": {"num_nearest_neighbors": 2}}], {1, 5, 7}),
    ],
)
def test_embeddings(strategies: list[object], expected: set[int]) -> None:
    queries = {
        ("tag", "lonely"): on_circle([80]),
        ("selection", "first"): on_circle([-20, -10]),
        ("samples", "0005"): on_circle([40]),
    }
    pool = replace(circle(), queries=queries)
    assert set(places(pool, 3, *strategies)) == expected


def test_similarity__of_nothing_is_told() -> None:
    pool = replace(circle(), queries={("tag", "nobody"): on_circle([])})
    with pytest.raises(UsageError, match="of tag 'nobody'"):
        picked(pool, 2, {"similarity": {"tag": "nobody"}})


def test_strength__weighs_objectives_against_each_other() -> None:
    """Similar to what is at 0 degrees, and far from each other: the stronger one decides."""
    pool = replace(circle(), queries={("tag", "zero"): on_circle([0])})

    def spread(strength: float) -> int:
        found = places(pool, 3, {"similarity": {"tag": "zero", "strength": strength}}, "diversity")
        return int(np.ptp([ANGLES[place] for place in found]))

    assert spread(0) == 80
    assert spread(1000) <= 4


def test_stops__say_which_strategy_gave_out() -> None:
    pool = circle(heat=[1.0] * 8)
    for strategies, count, words in (
        ([{"diversity": {"min_distance": 0.3}}], 3, "diversity allows no further pick"),
        ([{"diversity": {"min_distance": 0.3}}, "random"], 3, "diversity allows no further pick"),
        ([{"typicality": {"num_nearest_neighbors": 2, "min_typicality": 0.9}}], 5, "typicality allows no further pick"),
        ([{"weights": {"column": "heat", "max_sum": 4.5}}], 4, "weights heat: the sum would exceed 4.5"),
        ([{"threshold": {"column": "heat", "bigger": 1}}, "random"], 0, "threshold and tags leave 0 of 8 samples"),
        (["random"], 6, None),
    ):
        found = picked(pool, 6, *strategies)
        assert (len(found.ids), found.told["stopped"]) == (count, words)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("predictions.least_confidence", 3),
        ("predictions.margin", 1),
        ("predictions.entropy", 2),
        ("sharpness", 0),
        ("metadata.heat", 3),
        ("heat", 3),
    ],
)
@pytest.mark.parametrize("strategy", ["weights", "threshold"])
def test_numbers(column: str, strategy: str, expected: int) -> None:
    pool = pool_of(
        unit(4, 4, 0),
        sharpness=[0.9, 0.1, 0.2, 0.3],
        metadata=['{"heat": -3}', '{"heat": "mild"}', None, '{"heat": "12.5"}'],
        **{
            "predictions.least_confidence": [0.1, 0.2, 0.3, 0.9],
            "predictions.margin": [0.1, 0.9, None, 0.2],
            "predictions.entropy": [0.1, 0.2, 0.9, 0.3],
        },
    )
    asked: dict[str, Any] = {"column": column}
    if strategy == "threshold":
        assert places(pool, 4, {"threshold": asked | {"bigger_equal": 0.9}}, "random") == [expected]
    else:
        assert places(pool, 1, {"weights": asked}) == [expected]
        assert places(pool, 1, {"weights": asked | {"strength": -1}}) != [expected]


@pytest.mark.parametrize(
    ("column", "categories", "expected"),
    [
        ("predictions.object_count", [], [3, 2]),
        ("predictions.object_count", ["dog"], [2, 3]),
        ("predictions.object_frequency", [], [2, 3]),
        ("predictions.objectness_least_confidence", [], [1, 3]),
    ],
)
def test_numbers_of_objects(column: str, categories: list[str], expected: list[int]) -> None:
    predicted = [boxes(), boxes("cat", score=0.1), boxes("dog", "dog", "cat", score=0.9), boxes("cat", *["dog"] * 1)]
    predicted[3] = boxes("cat", "cat", "cat", "dog", score=0.8)
    if column.endswith("frequency"):
        predicted[3] = boxes("cat", "cat", "cat", score=0.8)
    pool = pool_of(unit(4, 4, 0), prediction=predicted)
    assert places(pool, 2, {"weights": {"column": column, "categories": categories}}) == expected


@pytest.mark.parametrize(("least", "count", "unsure", "dogs"), [(0.0, 100, 0.93, 99), (0.3, 1, 0.05, 0)])
def test_numbers_of_objects__the_faint_ones_of_a_detector_are_none(
    least: float, count: int, unsure: float, dogs: int
) -> None:
    one_cat = json.loads(boxes("cat", score=0.95))["boxes"] + json.loads(boxes(*["dog"] * 99, score=0.06))["boxes"]
    pool = replace(pool_of(unit(1, 4, 0), prediction=[json.dumps({"boxes": one_cat})]), box_score=least)
    assert numbers(pool, "predictions.object_count") == [count]
    assert numbers(pool, "predictions.objectness_least_confidence") == pytest.approx([unsure], abs=0.005)
    assert kinds(pool, "predictions.class")[0][0] == Counter({"cat": 1} | ({"dog": dogs} if dogs else {}))


def test_weights__what_has_no_number_comes_last() -> None:
    pool = pool_of(unit(3, 4, 0), heat=[None, -5.0, 2.0])
    assert places(pool, 3, {"weights": {"column": "heat"}}) == [2, 1, 0]
    assert places(pool, 3, {"weights": {"column": "heat", "strength": -2}}) == [1, 2, 0]


def test_random__with_weights_draws_in_proportion() -> None:
    heat = [9.0 if place % 10 == 0 else 1.0 for place in range(2000)]
    pool = pool_of(unit(2000, 4, 0), heat=heat)
    found = places(pool, 100, "random", {"weights": {"column": "heat"}})
    assert 35 <= sum(heat[place] == 9 for place in found) <= 65
    assert sum(heat[place] == 9 for place in places(pool, 100, "random")) <= 20
    few = places(pool, 2000, {"threshold": {"column": "random", "smaller": 0.25}}, "random")
    assert 400 <= len(few) <= 600
    assert places(pool, 9, {"weights": {"column": "random"}}) != places(pool, 9, {"weights": {"column": "heat"}})


WEATHER = ["sun"] * 60 + ["rain"] * 30 + ["snow"] * 10


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"distribution": "uniform"}, {"sun": 10, "rain": 10, "snow": 10}),
        ({"distribution": "input"}, {"sun": 18, "rain": 9, "snow": 3}),
        ({"target": {"rain": 0.5, "snow": 0.1, "sun": 0.4}}, {"sun": 12, "rain": 15, "snow": 3}),
        ({"target": {"rain": 0.8}}, {"sun": 3, "rain": 24, "snow": 3}),
    ],
)
@pytest.mark.parametrize("column", ["weather", "metadata.weather", "predictions.class"])
def test_balance(column: str, asked: dict[str, Any], expected: dict[str, int]) -> None:
    said = [f'{{"weather": "{one}"}}' for one in WEATHER]
    sure = [shares(**{"fog": 0.2, one: 0.8}) for one in WEATHER]
    own = {"weather": WEATHER} if column == "weather" else {}
    pool = pool_of(unit(100, 4, 0), metadata=said, prediction=sure, **own)
    found = picked(pool, 30, {"balance": {"column": column, **asked}})
    chosen = [WEATHER[int(name)] for name in found.ids]
    assert {one: chosen.count(one) for one in expected} == expected
    assert found.told["reached"][f"balance {column}"]["snow"]["share"] == pytest.approx(expected["snow"] / 30)


def test_balance__what_was_chosen_before_counts_by_its_labels() -> None:
    pool = pool_of(unit(100, 4, 0), prediction=[shares(**{one: 1.0}) for one in WEATHER])
    labels = [as_text({"class": "rain"})] * 9 + [None]
    before = pool.columns.slice(0, 10).append_column("label", pa.array(labels, pa.string()))
    pool = replace(pool, before=before)
    for column, rains in (("labels.class", 1), ("predictions.class", 5)):
        ids = picked(pool, 10, {"balance": {"column": column, "target": {"rain": 0.5, "snow": 0.5}}}).ids
        assert sum(WEATHER[int(name)] == "rain" for name in ids) == pytest.approx(rains, abs=1)


def test_balance__of_several_classes_each_that_is_likely_counts() -> None:
    """A probability of their own each, or shares of one: rounded ones too."""
    told = [{"a": 0.99, "b": 0.98}, {"a": 0.01, "b": 0.001}, {"a": 0.36, "b": 0.31, "c": 0.32}, {"a": 0.2, "b": 0.8}]
    pool = pool_of(unit(4, 4, 0), prediction=[shares(**one) for one in told])
    assert kinds(pool, "predictions.class")[0] == [{"a": 1, "b": 1}, {}, {"a": 1}, {"b": 1}]


def test_balance__of_objects_counts_each() -> None:
    predicted = [boxes("dog", "dog", "dog")] * 5 + [boxes("cat")] * 5 + [boxes()] * 5
    pool = pool_of(unit(15, 4, 0), prediction=predicted)
    found = places(pool, 4, {"balance": {"column": "predictions.class"}})
    assert sorted(found) == [0, 5, 6, 7]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ({"weights": {"column": "nothing"}}, "is none of the numeric columns"),
        ({"weights": {"column": "predictions.doubt"}}, "no predictions.doubt"),
        ({"balance": {"column": "nothing"}}, "no column of samples"),
    ],
)
def test_columns__that_are_none_are_told(strategy: object, words: str) -> None:
    pool = pool_of(unit(4, 4, 0))
    with pytest.raises(UsageError, match=words):
        picked(pool, 2, strategy)
