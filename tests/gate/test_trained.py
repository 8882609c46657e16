"""The gate `trained`: what a challenger has to be before it takes the champion's place."""

from typing import Any

import pandas as pd
import pytest

from tasks.gate.judge import Finding, result_of, validate
from tasks.gate.settings import GateSettings
from tasks.gate.suites import suite


def part(name: str, difference: float, n: int = 20, p: float = 0.001) -> dict[str, Any]:
    return {"name": name, "n": n, "challenger": 0.8 + difference, "champion": 0.8, "difference": difference, "p": p}


FACTS: dict[str, Any] = {
    "metric": "balanced_accuracy",
    "challenger": 0.9,
    "chance": 0.2,
    "uncomparable": "",
    "champion": "s-1",
    "champion_value": 0.9,
    "difference": 0.0,
    "slices": [part("class=dress", 0.0), part("sensor_id=cam-3", -0.5)],
    "samples": 500,
    "confidence": 0.95,
    "tested": 100,
    "unsaid": 0,
    "unseen": 0,
    "calibration_error": 0.03,
}


def judged(protected: tuple[str, ...] = (), **changed: Any) -> tuple[str, list[Finding]]:
    settings = GateSettings.model_validate({"trained": {"protected": list(protected)}})
    rows = pd.DataFrame({"finding_id": ["a", "b"]})
    findings = validate(suite("trained", rows, FACTS | changed, settings))
    return result_of(findings, "auto"), [one for one in findings if not one.success]


def test_trained__as_good_as_the_champion_is_good_enough() -> None:
    assert judged() == ("pass", [])
    assert judged(difference=-1e-12) == ("pass", [])


def test_trained__the_first_model_has_nobody_to_beat() -> None:
    assert judged(champion=None, champion_value=None, difference=None, slices=[]) == ("pass", [])


def test_trained__a_champion_that_cannot_be_compared_with_holds() -> None:
    result, (found,) = judged(champion=None, difference=None, slices=[], uncomparable="There is no model s-1.")
    assert (result, found.expectation, found.threshold) == ("hold", "comparison with the champion", "needed")
    assert found.observed.startswith("not possible (There is no model s-1): ")


@pytest.mark.parametrize(
    ("changed", "words", "observed"),
    [
        ({"difference": -0.25}, "balanced_accuracy less that of the champion", "-0.25"),
        ({"unsaid": 3}, "number of samples without a prediction", "3"),
        ({"slices": [part("class=dress", -0.5)]}, "protected slices less those of the champion", "class=dress: -0.5"),
        ({"slices": [part("class=a & b", -0.5)]}, "protected slices less those of the champion", "class=a & b: -0.5"),
    ],
)
def test_trained__a_worse_model_is_held_and_told_why(changed: dict[str, Any], words: str, observed: str) -> None:
    result, (found,) = judged(**changed)
    assert (result, found.expectation, found.observed) == ("hold", words, observed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tested": 20}, "number of samples to test on"),
        ({"unseen": 100}, "share of samples that the model cannot see"),
        ({"challenger": 0.2}, "balanced_accuracy, better than always the same answer"),
        ({"calibration_error": 0.4}, "calibration error"),
    ],
)
def test_trained__what_makes_figures_worth_less_warns(changed: dict[str, Any], words: str) -> None:
    result, (found,) = judged(**changed)
    assert (result, found.expectation) == ("warn", words)


def test_trained__named_slices_are_protected_in_place_of_the_classes() -> None:
    worse = [part("class=dress", -0.5), part("sensor_id=cam-3", -0.2)]
    result, (found,) = judged(("sensor_id=cam-3",), slices=worse)
    assert (result, found.observed) == ("hold", "sensor_id=cam-3: -0.2")
    assert found.threshold == "at least -0.1, or what chance explains"
    result, (found,) = judged(("sensor_id=cam-9",), slices=worse)
    assert (result, found.observed) == ("warn", "sensor_id=cam-9")


def test_trained__a_slice_of_a_few_samples_holds_nobody() -> None:
    assert judged(slices=[part("class=dress", -0.5, n=9)]) == ("pass", [])


def test_trained__what_chance_explains_among_so_many_slices_holds_nobody() -> None:
    lost, others = part("class=dress", -0.15, p=0.03), [part(f"class={number}", 0.0, p=0.5) for number in range(9)]
    result, (found,) = judged(slices=[lost, part("sensor_id=cam-3", 0.0, p=0.5)])
    assert (result, found.observed) == ("hold", "class=dress: -0.15")
    assert judged(slices=[lost, *others]) == ("pass", [])
    assert judged(slices=[part("class=dress", -0.15, p=0.06)]) == ("pass", [])
    assert judged(("class=dress",), slices=[lost, *others])[0] == "hold"
