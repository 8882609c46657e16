"""What the gate `split` expects of a snapshot before anything is trained on it."""

from typing import Any

import pandas as pd

from tasks.gate.checks import Check, Severity, Suite
from tasks.gate.settings import GateSettings
from tasks.labels.snapshot import SIDES


def split(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    """The checks for a snapshot: what none can be trained on, or tested on, holds.

    Args:
        rows: the manifest, with `leak`: which sample on another side looks the same, in words.
        facts: `sides`: samples on each; `by_class`: the same for each class; `label_type`; `torn`: samples that are
            left out since what they belong to is on another side by now; `elsewhere`: samples that stay on a side
            that conditions do not name for them.
        settings: of all gates.
    """
    groups, classes = _by_group(rows), _by_class(facts["by_class"])
    used = int((classes["train"] > 0).sum())
    figures = {**facts["sides"], "classes": used, "torn": len(facts["torn"]), "elsewhere": len(facts["elsewhere"])}
    checks = [
        Check("no sample is there twice", "ExpectColumnValuesToBeUnique", {"column": "sample_id"}),
        Check("sides are known ones", "ExpectColumnValuesToBeInSet", {"column": "side", "value_set": list(SIDES)}),
        _all_true("no group is on two sides", "whole", "groups", "told"),
        _all_true("nothing that looks the same is on two sides", "unlike", "rows", "leak"),
        _at_least("samples to train on", "train", max(1, used), "critical"),
        _at_least("classes to train on", "classes", 2 if facts["label_type"] == "class" else 1, "critical"),
        _at_least("samples to test on", "test", 1, "critical"),
        _at_least("samples for validation", "validation", 1, "warning"),
    ]
    for side, least in (("train", settings.split.min_train_per_class), ("test", settings.split.min_test_per_class)):
        checks.append(
            Check(
                f"samples of each class to {side} on",
                "ExpectColumnValuesToBeBetween",
                {"column": side, "min_value": least},
                frame="classes",
                severity="warning",
                threshold=f"at least {least}",
                name_by="class",
            )
        )
    odd = {
        "torn": "older samples that are left out, since their group is on another side now",
        "elsewhere": "older samples that stay where they are, though a condition names another side now",
    }
    checks += [_none(words, column) for column, words in odd.items() if facts[column]]
    frames = {"rows": rows.assign(unlike=rows["leak"].isna()), "groups": groups, "classes": classes}
    return Suite(checks, {**frames, "facts": pd.DataFrame([figures])})


def _by_group(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a group: whether it is on one side, and on which it is, in words."""
    sides = rows.groupby("group")["side"].agg(lambda found: " and ".join(sorted(set(found)))).reset_index()
    told = sides["group"] + " is on " + sides["side"]
    return pd.DataFrame({"group": sides["group"], "whole": sides["side"].isin(SIDES), "told": told})


def _by_class(counts: dict[str, dict[str, int]]) -> pd.DataFrame:
    found = [{"class": name, **by_side} for name, by_side in counts.items()]
    return pd.DataFrame(found, columns=["class", *SIDES])


def _all_true(words: str, column: str, frame: Any, told_by: str) -> Check:
    arguments = {"column": column, "value_set": [True]}
    return Check(words, "ExpectColumnValuesToBeInSet", arguments, frame=frame, told_by=told_by)


def _none(words: str, column: str) -> Check:
    arguments = {"column": column, "max_value": 0}
    kind = "ExpectColumnMaxToBeBetween"
    return Check(words, kind, arguments, frame="facts", severity="warning", threshold="none")


def _at_least(words: str, column: str, least: int, severity: Severity) -> Check:
    arguments = {"column": column, "min_value": least}
    told = f"at least {least}"
    return Check(words, "ExpectColumnMaxToBeBetween", arguments, frame="facts", severity=severity, threshold=told)
