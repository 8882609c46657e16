"""What the gate `trained` expects of a model before it is promoted."""

from typing import Any

import pandas as pd

from tasks.gate.checks import Check, Suite, bound
from tasks.gate.settings import GateSettings, TrainedGate

FEWEST = 10
"""Samples of a slice, below which nobody can tell whether it got worse."""


def trained(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    """The checks for a challenger.

    Args:
        rows: the staged findings.
        facts: `metric` by name; `challenger`, its value, and `chance`, that of a model that always says the same;
            `champion`, `champion_value` and `difference`, None where there is no champion to compare with;
            `uncomparable`, why not, where there is one that answers the same question, else empty; `samples` of the
            snapshot, of which the model cannot see `unseen`, `tested` are to test on, and `unsaid` have no prediction
            that can be used; `calibration_error`, None of a model that gives no probabilities; `slices` with name, as
            class=dress, n, difference and p, the chance of losing as much; `confidence` of tests.
        settings: of all gates.
    """
    gate, metric = settings.trained, facts["metric"]
    figures = {name: facts[name] for name in ("unsaid", "difference", "tested", "challenger", "calibration_error")}
    figures |= {"unseen_share": facts["unseen"] / facts["samples"]}
    frame = pd.DataFrame([{name: _plain(one) for name, one in figures.items()}])
    checks = [
        Check("no finding is there twice", "ExpectColumnValuesToBeUnique", {"column": "finding_id"}),
        bound("unsaid", "number of samples without a prediction", "max_value", 0, "critical"),
        bound("unseen_share", "share of samples that the model cannot see", "max_value", gate.max_unseen, "warning"),
        bound("difference", f"{metric} less that of the champion", "min_value", 0 - gate.max_regress, "critical"),
        bound("tested", "number of samples to test on", "min_value", gate.min_test, "warning"),
        Check(
            f"{metric}, better than always the same answer",
            "ExpectColumnMeanToBeBetween",
            {"column": "challenger", "min_value": facts["chance"], "strict_min": True},
            frame="facts",
            severity="warning",
            threshold=f"more than {facts['chance']:.4g}",
        ),
        bound("calibration_error", "calibration error", "max_value", gate.max_calibration_error, "warning"),
    ]
    checks = [one for one in checks if one.frame == "rows" or frame[one.arguments["column"]].notna().all()]
    suite = Suite(checks, {"rows": rows, "facts": frame})
    if facts["uncomparable"]:
        return _with_champion(suite, facts["uncomparable"])
    return suite if facts["difference"] is None else _with_slices(suite, facts, gate)


def _with_champion(suite: Suite, why: str) -> Suite:
    """The suite, with a champion that nobody can compare with: whether the challenger is worse is not known."""
    told = f"not possible ({why.rstrip('.')}): restore the champion, or promote a model by hand"
    compared = Check(
        "comparison with the champion",
        "ExpectColumnValuesToBeInSet",
        {"column": "possible", "value_set": [True]},
        frame="champion",
        threshold="needed",
        told_by="told",
    )
    rows = pd.DataFrame({"possible": [False], "told": [told]})
    return Suite([*suite.checks, compared], {**suite.frames, "champion": rows})


def _with_slices(suite: Suite, facts: dict[str, Any], gate: TrainedGate) -> Suite:
    """The suite, with the slices that may not get worse: those that are named, else all classes."""
    judged = _protected(facts["slices"], facts["confidence"], gate)
    unknown = sorted(set(gate.protected) - set(judged["name"]))
    frame = pd.DataFrame({"told": unknown, "there": [False] * len(unknown)})
    named = Check(
        f"protected slices have {FEWEST} samples to test on",
        "ExpectColumnValuesToBeInSet",
        {"column": "there", "value_set": [True]},
        frame="groups",
        severity="warning",
        told_by="told",
    )
    kept = Check(
        "protected slices less those of the champion",
        "ExpectColumnValuesToBeInSet",
        {"column": "kept", "value_set": [True]},
        frame="slices",
        threshold=f"at least {0 - gate.max_slice_regress:g}, or what chance explains",
        told_by="told",
    )
    more = [(check, rows) for check, rows in ((kept, judged), (named, frame)) if len(rows)]
    frames: dict[str, pd.DataFrame] = {check.frame: rows for check, rows in more}
    return Suite([*suite.checks, *(check for check, _ in more)], {**suite.frames, **frames})


def _protected(slices: list[dict[str, Any]], confidence: float, gate: TrainedGate) -> pd.DataFrame:
    """The slices that may not get worse, the worst first, and whether they are kept.

    A slice is lost where it is beyond the margin and significantly worse: of many slices some always seem to be. The
    correction is that of Benjamini and Hochberg, "Controlling the False Discovery Rate", 1995.
    """
    from scipy.stats import false_discovery_control

    asked = [one for one in slices if one["n"] >= FEWEST and _is_protected(one["name"], gate)]
    chances = false_discovery_control([one["p"] for one in asked]) if asked else []
    found = [
        {
            "name": one["name"],
            "kept": round(one["difference"], 9) >= -gate.max_slice_regress or chance >= 1 - confidence,
            "told": f"{one['name']}: {one['difference']:.4g}",
        }
        for one, chance in sorted(zip(asked, chances, strict=True), key=lambda pair: float(pair[0]["difference"]))
    ]
    return pd.DataFrame(found, columns=["name", "kept", "told"])


def _is_protected(name: str, gate: TrainedGate) -> bool:
    return name in gate.protected if gate.protected else name.startswith("class=")


def _plain(figure: float | None) -> float | None:
    """Without what is left over when sums are rounded."""
    return None if figure is None else round(float(figure), 9)
