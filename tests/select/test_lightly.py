"""Configurations of LightlyOne: each part by its counterpart, or refused by its name."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.options import settings_from
from tasks.select.lightly import from_lightly
from tasks.select.settings import SelectSettings
from tasks.store.errors import UsageError

EMBEDDINGS = {"type": "EMBEDDINGS"}
TASK = {"task": "cars"}
COUNT = {"type": "PREDICTIONS", "name": "CATEGORY_COUNT", "categories": ["car"], **TASK}
RANGE = {"min_sum": 3, "max_sum": 5}


@pytest.mark.parametrize(
    ("told", "asked", "expected"),
    [
        (EMBEDDINGS, {"type": "DIVERSITY"}, {"diversity": {}}),
        (
            EMBEDDINGS,
            {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2, "strength": 0.6},
            {"diversity": {"min_distance": 0.2, "strength": 0.6}},
        ),
        (
            {**EMBEDDINGS, **TASK},
            {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2},
            {"diversity": {"of": "crops", "min_distance": 0.2}},
        ),
        ({**EMBEDDINGS, **TASK}, {"type": "TYPICALITY"}, {"typicality": {"of": "crops"}}),
        (
            {**EMBEDDINGS, **TASK, "tag_name": "vans"},
            {"type": "SIMILARITY"},
            {"similarity": {"tag": "vans", "of": "crops"}},
        ),
        (
            EMBEDDINGS,
            {"type": "TYPICALITY", "num_nearest_neighbors": 9, "stopping_condition_minimum_typicality": 0.3},
            {"typicality": {"num_nearest_neighbors": 9, "min_typicality": 0.3}},
        ),
        (
            {**EMBEDDINGS, "dataset_id": "5f", "tag_name": "night"},
            {"type": "SIMILARITY", "strength": -2},
            {"similarity": {"tag": "night", "strength": -2}},
        ),
        (
            {"type": "SCORES", "score": "uncertainty_entropy", **TASK},
            {"type": "WEIGHTS", "stopping_condition_max_sum": 8.5},
            {"weights": {"column": "predictions.entropy", "max_sum": 8.5}},
        ),
        (
            {"type": "METADATA", "key": "weather.temperature"},
            {"type": "WEIGHTS", "target_range": RANGE},
            {"weights": {"column": "metadata.weather.temperature", "target_range": RANGE}},
        ),
        ({"type": "METADATA", "key": "lightly.sharpness"}, {"type": "WEIGHTS"}, {"weights": {"column": "sharpness"}}),
        (
            COUNT,
            {"type": "WEIGHTS"},
            {"weights": {"column": "predictions.object_count", "categories": ["car"]}},
        ),
        (
            {"type": "RANDOM", "random_seed": 7},
            {"type": "WEIGHTS", "strength": 2},
            {"random": {"seed": 7, "strength": 2}},
        ),
        ({"type": "RANDOM", "random_seed": None}, {"type": "WEIGHTS", "target_range": None}, {"random": {}}),
        (
            {**COUNT, "categories": None},
            {"type": "WEIGHTS", "strength": None},
            {"weights": {"column": "predictions.object_count", "categories": []}},
        ),
        (
            {"type": "RANDOM"},
            {"type": "THRESHOLD", "threshold": 0.5, "operation": "SMALLER"},
            {"threshold": {"column": "random", "smaller": 0.5}},
        ),
        (
            {"type": "SCORES", "score": "object_frequency", **TASK},
            {"type": "THRESHOLD", "threshold": 0.5, "operation": "BIGGER_EQUAL"},
            {"threshold": {"column": "predictions.object_frequency", "bigger_equal": 0.5}},
        ),
        (
            COUNT,
            {"type": "THRESHOLD", "threshold": 2, "operation": "SMALLER_EQUAL"},
            {"threshold": {"column": "predictions.object_count", "categories": ["car"], "smaller_equal": 2}},
        ),
        (
            {"type": "PREDICTIONS", "name": "CLASS_DISTRIBUTION", **TASK},
            {"type": "BALANCE", "target": {"car": 0.2, "bigBus": 0.3}},
            {"balance": {"column": "predictions.class", "target": {"car": 0.2, "bigBus": 0.3}}},
        ),
        (
            {"type": "METADATA", "key": "weather"},
            {"type": "BALANCE", "distribution": "UNIFORM"},
            {"balance": {"column": "metadata.weather", "distribution": "uniform"}},
        ),
    ],
)
def test_from_lightly__each_strategy_and_input(told: Any, asked: Any, expected: Any) -> None:
    diverse = {"input": EMBEDDINGS, "strategy": {"type": "DIVERSITY"}}
    found = from_lightly({"n_samples": 50, "strategies": [{"input": told, "strategy": asked}, diverse]})
    assert found == {"budget": 50, "strategies": [expected, {"diversity": {}}]}
    assert SelectSettings.model_validate(found).picks_of(1000) == 50


@pytest.mark.parametrize(
    ("size", "budget"),
    [({"nSamples": 7}, 7), ({"n_samples": -1}, -1), ({"proportion_samples": 0.25}, "25%"), ({}, -1)],
)
def test_from_lightly__how_many(size: dict[str, Any], budget: int | str, tmp_path: Path) -> None:
    diverse = {"input": EMBEDDINGS, "strategy": {"type": "DIVERSITY"}}
    place = tmp_path / "lightly.json"
    place.write_text(json.dumps({"selectionConfig": {**size, "strategies": [diverse]}}))
    settings = settings_from(None, None, from_lightly=str(place), root=str(tmp_path / "root"))
    assert settings.select.budget == budget
    assert settings_from(None, None, from_lightly=str(place), budget="3").select.budget == 3


def test_from_lightly__thresholds_alone_draw_at_random() -> None:
    entry = {
        "input": {"type": "METADATA", "key": "heat"},
        "strategy": {"type": "THRESHOLD", "threshold": 3, "operation": "BIGGER"},
    }
    assert from_lightly({"strategies": [entry]})["strategies"][1] == {"random": {}}


def _entry(told: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {"strategies": [{"input": told, "strategy": asked}]}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([], "no list of `strategies`"),
        ({"strategies": [{"input": EMBEDDINGS}]}, "needs an `input` and a `strategy`"),
        ({**_entry(EMBEDDINGS, {"type": "DIVERSITY"}), "lightly_path_regex": "x"}, "lightly_path_regex"),
        ({**_entry(EMBEDDINGS, {"type": "DIVERSITY"}), "n_samples": 0}, "asks for 0 samples"),
        ({**_entry(EMBEDDINGS, {"type": "DIVERSITY"}), "n_samples": 3, "proportion_samples": 0.1}, "it can have one"),
        (_entry(EMBEDDINGS, {"type": "BALANCE"}), "strategy BALANCE for input EMBEDDINGS"),
        (_entry({"type": "SCORES", "score": "mine"}, {"type": "WEIGHTS"}), "score mine"),
        (_entry({"type": "METADATA", "key": "lightly.snr"}, {"type": "WEIGHTS"}), "metadata lightly.snr"),
        (
            _entry(
                {"type": "METADATA", "key": "lightly.sharpness"},
                {"type": "THRESHOLD", "threshold": 20, "operation": "BIGGER"},
            ),
            "another scale",
        ),
        (
            _entry({"type": "METADATA", "key": "lightly.luminance"}, {"type": "WEIGHTS", "target_range": RANGE}),
            "target_range or max_sum of lightly.luminance, which is on another scale",
        ),
        (
            _entry(
                {"type": "METADATA", "key": "lightly.sharpness"},
                {"type": "WEIGHTS", "stopping_condition_max_sum": 900},
            ),
            "another scale",
        ),
        (_entry({**EMBEDDINGS, "dataset_id": "5f"}, {"type": "DIVERSITY"}), "dataset_id of input EMBEDDINGS"),
        (_entry(EMBEDDINGS, {"type": "DIVERSITY", "novelty": 1}), "novelty"),
        (
            {
                "strategies": [
                    {"input": EMBEDDINGS, "strategy": {"type": "DIVERSITY", "novelty": 1}},
                    {"input": EMBEDDINGS, "strategy": {"type": "FANCY"}},
                ]
            },
            "novelty.*strategy FANCY",
        ),
    ],
)
def test_from_lightly__what_has_no_counterpart_is_named(config: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_lightly(config)
