"""The rule and the suites: each expectation can fail, and says what it saw."""

from typing import Any

import pandas as pd
import pytest

from tasks.gate.judge import Finding, result_of, validate
from tasks.gate.settings import GateSettings
from tasks.gate.suites import suite


def finding(severity: str, success: bool) -> Finding:
    return Finding("something", severity, success, "1", "2")


@pytest.mark.parametrize(
    ("failed", "mode", "result"),
    [
        ([], "auto", "pass"), (["warning"], "auto", "warn"), (["critical"], "auto", "hold"),
        (["warning", "critical"], "auto", "hold"), (["critical"], "warn", "warn"), ([], "warn", "pass"),
        ([], "approve", "hold"), (["critical"], "approve", "hold"),
    ],
)  # fmt: skip
def test_result_of__the_rule(failed: list[str], mode: str, result: str) -> None:
    findings = (finding("critical", True), finding("warning", True), *(finding(severity, False) for severity in failed))
    assert result_of(findings, mode) == result


def ingested(count: int = 60, **changes: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    rows = pd.DataFrame(
        {
            "object_id": [f"o{place}" for place in range(count)],
            "outcome": ["sample"] * count,
            "reason": [None] * count,
            "sensor_id": [f"cam-{place % 2}" for place in range(count)],
            "metadata": ['{"site": "north"}'] * count,
            "width": [640.0] * count,
            "height": [480.0] * count,
            "brightness": [0.5] * count,
        }
    )
    for column, values in changes.items():
        rows.loc[list(values), column] = list(values.values())
    return rows, {"planned": count}


def failed(transition: str, rows: pd.DataFrame, facts: dict[str, Any], **settings: Any) -> dict[str, Finding]:
    judged = validate(suite(transition, rows, facts, GateSettings(**settings)))  # type: ignore[arg-type]
    return {one.expectation: one for one in judged if not one.success}


def test_ingested__a_good_batch_passes() -> None:
    assert failed("ingested", *ingested()) == {}


@pytest.mark.parametrize(
    ("changes", "expectation", "observed"),
    [
        ({"object_id": {1: "o0"}}, "no object is there twice", "2 rows"),
        ({"outcome": {1: None}}, "every object has an outcome", "1 rows"),
        ({"outcome": {1: "lost"}}, "outcomes are known ones", "lost"),
        ({"outcome": dict.fromkeys(range(20), "reject")}, "share of rejects", "0.3333"),
        ({"outcome": dict.fromkeys(range(20), "deferred")}, "share of objects that could not be reached", "0.3333"),
        ({"width": dict.fromkeys(range(40), 20.0)}, "share of pictures below 32 px", "0.6667"),
        ({"brightness": dict.fromkeys(range(40), 0.01)}, "share of dark and overexposed pictures", "0.6667"),
        ({"brightness": dict.fromkeys(range(40), 0.99)}, "share of dark and overexposed pictures", "0.6667"),
    ],
)
def test_ingested__each_expectation_can_fail(changes: Any, expectation: str, observed: str) -> None:
    found = failed("ingested", *ingested(**changes))
    assert set(found) == {expectation}
    assert observed in found[expectation].observed
    assert found[expectation].severity == "critical"


def test_ingested__what_was_forgotten_does_not_hold_a_batch() -> None:
    places = range(40)
    gone = {"outcome": dict.fromkeys(places, "reject"), "reason": dict.fromkeys(places, "forgotten")}
    assert failed("ingested", *ingested(**gone)) == {}
    assert "share of rejects" in failed("ingested", *ingested(**gone | {"reason": dict.fromkeys(places, "empty")}))


def test_ingested__a_missing_object_is_noticed() -> None:
    rows, facts = ingested()
    found = failed("ingested", rows[:-1], facts)["every planned object is accounted for"]
    assert (found.observed, found.threshold) == ("59", "60")


def test_ingested__few_objects_only_warn() -> None:
    rows, facts = ingested(10, outcome=dict.fromkeys(range(5), "reject"))
    assert failed("ingested", rows, facts)["share of rejects"].severity == "warning"
    assert failed("ingested", rows, facts, min_objects=10)["share of rejects"].severity == "critical"


@pytest.mark.parametrize("by", ["sensor_id", "site"])
def test_ingested__a_bad_camera_is_named(by: str) -> None:
    bad = dict.fromkeys(range(1, 240, 2), 0.01)
    changes = {"brightness": bad, "metadata": dict.fromkeys(bad, '{"site": "cam-1"}')}
    found = failed("ingested", *ingested(240, **changes), ingested={"by": by, "max_misexposed_share": 0.6})
    named = found[f"share of dark and overexposed pictures, by {by}"]
    assert named.observed == "cam-1: 1"


def test_ingested__only_rejects() -> None:
    rows, facts = ingested(60, outcome=dict.fromkeys(range(60), "reject"))
    rows[["width", "height", "brightness"]] = None
    assert set(failed("ingested", rows, facts)) == {"share of rejects"}


def deduplicated(kept: list[str | None]) -> tuple[pd.DataFrame, dict[str, Any]]:
    return pd.DataFrame({"sample_id": [f"s{place}" for place in range(len(kept))], "kept_id": kept}), {
        "samples": len(kept)
    }


def test_deduplicated__each_expectation_can_fail() -> None:
    assert failed("deduplicated", *deduplicated([None] * 60)) == {}
    assert set(failed("deduplicated", *deduplicated([None] + ["s0"] * 59))) == {"share of duplicates"}
    chained = deduplicated([None, "s0", "s1"] + [None] * 57)
    assert set(failed("deduplicated", *chained)) == {"what a duplicate repeats is kept itself"}
    rows, facts = deduplicated([None] * 60)
    assert set(failed("deduplicated", rows[:-1], facts)) == {"every sample is kept or dropped"}
    twice = pd.concat([rows[:-1], rows[:1]])
    assert set(failed("deduplicated", twice, facts)) == {"no sample is there twice"}


def test_deduplicated__an_empty_batch_passes() -> None:
    assert failed("deduplicated", *deduplicated([])) == {}


def test_embedded__each_expectation_can_fail() -> None:
    rows = pd.DataFrame({"member": [str(place) for place in range(60)], "dimension": 4, "length": 1.0, "finite": True})
    facts = {"members": 60, "dimensions": 4, "mean_cosine": 0.3}
    assert failed("embedded", rows, facts) == {}
    assert set(failed("embedded", rows[:-1], facts)) == {"whatever is embedded has a vector"}
    assert set(failed("embedded", rows.assign(member="0"), facts)) == {"nothing is there twice"}
    assert set(failed("embedded", rows.assign(dimension=5), facts)) == {"vectors have the model's dimension"}
    assert set(failed("embedded", rows.assign(finite=False), facts)) == {"vectors are finite"}
    assert set(failed("embedded", rows.assign(length=0.5), facts)) == {"vectors have unit length"}
    collapsed = failed("embedded", rows, facts | {"mean_cosine": 0.999})
    assert set(collapsed) == {"vectors differ: mean cosine of two"}
    assert "0.999" in collapsed["vectors differ: mean cosine of two"].observed


def test_selected__each_expectation_can_fail() -> None:
    rows = pd.DataFrame(
        {"sample_id": list("abc"), "rank": [1, 2, 3], "kept": True, "labelled": False, "gain": 0.1, "reason": "x"}
    )
    facts = {"budget": 3}
    assert failed("selected", rows, facts) == {}
    assert set(failed("selected", rows, {"budget": 2})) == {"the budget is kept"}
    assert set(failed("selected", rows.assign(sample_id="a"), facts)) == {"no sample is picked twice"}
    assert set(failed("selected", rows.assign(rank=1), facts)) == {"no rank is given twice"}
    assert set(failed("selected", rows.assign(kept=[True, False, True]), facts)) == {"no duplicate is picked"}
    assert set(failed("selected", rows.assign(labelled=True), facts)) == {"no labelled sample is picked"}
