"""The gate `split`: what leaks holds, what is thin warns."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from tasks.gate.judge import Finding, result_of, validate
from tasks.gate.settings import GateSettings
from tasks.gate.suites import suite

SIDES = ["train"] * 6 + ["validation"] * 2 + ["test"] * 12


def judged(
    label_type: str = "class", torn: int = 0, elsewhere: int = 0, **changes: Any
) -> tuple[str, dict[str, Finding]]:
    count = len(SIDES)
    made = {"sample_id": [str(n) for n in range(count)], "side": SIDES, "group": [f"g{n}" for n in range(count)]}
    rows = pd.DataFrame({**made, "leak": [None] * count, "class": ["cat", "dog"] * (count // 2)})
    for column, values in changes.items():
        rows.loc[list(values), column] = list(values.values())
    by_class = {name: dict(Counter(rows["side"][rows["class"] == name])) for name in ("cat", "dog")}
    whole = {side: sum(rows["side"] == side) for side in ("train", "validation", "test")}
    facts = {"sides": whole, "label_type": label_type, "torn": [f"t{n}" for n in range(torn)]}
    facts["elsewhere"] = [f"e{n}" for n in range(elsewhere)]
    facts["by_class"] = {name: {side: counts.get(side, 0) for side in whole} for name, counts in by_class.items()}
    findings = validate(suite("split", rows, facts, GateSettings()))
    return result_of(findings, "auto"), {one.expectation: one for one in findings if not one.success}


def test_split__a_good_snapshot_passes() -> None:
    assert judged() == ("pass", {})


@pytest.mark.parametrize(
    ("changes", "expectation", "observed"),
    [
        ({"group": {7: "g0"}}, "no group is on two sides", "g0 is on train and validation"),
        ({"leak": {0: "0 on train is 9 on test"}}, "nothing that looks the same is on two sides", "0 on train is 9"),
        ({"side": dict.fromkeys(range(8, 20), "train")}, "samples to test on", "0"),
        ({"class": dict.fromkeys(range(6), "cat")}, "classes to train on", "1"),
        ({"side": dict.fromkeys(range(1, 6), "test"), "class": {0: "cat"}}, "classes to train on", "1"),
        ({"sample_id": {1: "0"}}, "no sample is there twice", "2 rows"),
        ({"side": {1: "exam"}}, "sides are known ones", "exam"),
    ],
)
def test_split__what_leaks_or_is_missing_holds(changes: dict[str, Any], expectation: str, observed: str) -> None:
    result, failed = judged(**changes)
    assert result == "hold"
    assert observed in failed[expectation].observed


@pytest.mark.parametrize(
    ("changes", "expectation", "observed"),
    [
        ({"side": dict.fromkeys((0, 2), "test")}, "samples of each class to train on", "cat: 1"),
        ({"side": dict.fromkeys((8, 10), "train")}, "samples of each class to test on", "cat: 4"),
        ({"side": dict.fromkeys((6, 7), "train")}, "samples for validation", "0"),
        ({"torn": 3}, "older samples that are left out, since their group is on another side now", "3"),
        ({"elsewhere": 2}, "older samples that stay where they are, though a condition names another side now", "2"),
    ],
)
def test_split__what_is_thin_warns(changes: dict[str, Any], expectation: str, observed: str) -> None:
    result, failed = judged(**changes)
    assert (result, list(failed)) == ("warn", [expectation])
    assert observed in failed[expectation].observed


def test_split__boxes_may_have_one_class() -> None:
    assert judged("boxes", **{"class": dict.fromkeys(range(20), "cat")})[0] == "warn"
