"""What each gate expects, as Great Expectations, with words, thresholds and severities."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from tasks.gate.checks import Check, Severity, Suite, Transition, share
from tasks.gate.labelled import annotated
from tasks.gate.settings import GateSettings
from tasks.gate.split import split
from tasks.gate.trained import trained
from tasks.store.reasons import Reject

OUTCOMES = ["sample", "copy", "video", "reject", "deferred"]

FRAME = "frame"
"""Outcome of a row that is no object, but a frame of one."""

_OF_OBJECTS = ["reject", "deferred"]
"""Shares that leave frames out."""


def suite(transition: Transition, rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    """The checks of a gate for the staged rows and figures."""
    build: dict[str, Callable[[pd.DataFrame, dict[str, Any], GateSettings], Suite]] = {
        "ingested": _ingested,
        "deduplicated": _deduplicated,
        "embedded": _embedded,
        "compared": _compared,
        "selected": _selected,
        "annotated": annotated,
        "split": split,
        "trained": trained,
    }
    return build[transition](rows, facts, settings)


def _ingested(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    gate = settings.ingested
    rows = _with_shares(rows, settings)
    checks = [
        Check(
            "every planned object is accounted for",
            "ExpectTableRowCountToEqual",
            {"value": facts["planned"]},
            frame="objects",
        ),
        Check("no object is there twice", "ExpectColumnValuesToBeUnique", {"column": "object_id"}),
        Check("every object has an outcome", "ExpectColumnValuesToNotBeNull", {"column": "outcome"}),
        Check(
            "outcomes are known ones",
            "ExpectColumnValuesToBeInSet",
            {"column": "outcome", "value_set": OUTCOMES},
            frame="objects",
        ),
    ]
    shares = {
        "reject": ("share of rejects", gate.max_reject_share),
        "deferred": ("share of objects that could not be reached", gate.max_deferred_share),
        "small": (f"share of pictures below {gate.min_short_side} px", gate.max_small_share),
        "misexposed": ("share of dark and overexposed pictures", gate.max_misexposed_share),
    }
    checks += [
        share(column, words, most, "critical" if _size(rows, column) >= settings.min_objects else "warning")
        for column, (words, most) in shares.items()
        if _any(rows, column)
    ]
    frames = {"rows": rows, "objects": rows[rows["outcome"] != FRAME], "facts": pd.DataFrame([facts])}
    if gate.by:
        frames["groups"] = _groups(rows, gate.by, list(shares), settings.min_objects)
        checks += [
            Check(
                f"{words}, by {gate.by}",
                "ExpectColumnValuesToBeBetween",
                {"column": column, "max_value": most},
                frame="groups",
                threshold=f"at most {most:g}",
                name_by=gate.by,
            )
            for column, (words, most) in shares.items()
            if _any(frames["groups"], column)
        ]
    return Suite(checks, frames)


def _deduplicated(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    return _repeated(rows, facts, settings.deduplicated.max_duplicate_share, settings.min_objects)


def _compared(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    return _repeated(rows, facts, settings.compared.max_duplicate_share, settings.min_objects)


def _repeated(rows: pd.DataFrame, facts: dict[str, Any], most: float, min_objects: int) -> Suite:
    duplicate = rows["kept_id"].notna()
    rows = rows.assign(
        duplicate=duplicate.astype(float),
        kept_is_kept=~duplicate | ~rows["kept_id"].isin(rows["sample_id"][duplicate]),
    )
    severity: Severity = "critical" if len(rows) >= min_objects else "warning"
    checks = [
        Check("every sample is kept or dropped", "ExpectTableRowCountToEqual", {"value": facts["samples"]}),
        Check("no sample is there twice", "ExpectColumnValuesToBeUnique", {"column": "sample_id"}),
        Check(
            "what a duplicate repeats is kept itself",
            "ExpectColumnValuesToBeInSet",
            {"column": "kept_is_kept", "value_set": [True]},
        ),
    ]
    if len(rows):
        checks.append(share("duplicate", "share of duplicates", most, severity))
    return Suite(checks, {"rows": rows})


def _embedded(rows: pd.DataFrame, facts: dict[str, Any], settings: GateSettings) -> Suite:
    most = settings.embedded.max_mean_cosine
    checks = [
        Check("whatever is embedded has a vector", "ExpectTableRowCountToEqual", {"value": facts["members"]}),
        Check("nothing is there twice", "ExpectColumnValuesToBeUnique", {"column": "member"}),
        Check(
            "vectors have the model's dimension",
            "ExpectColumnValuesToBeInSet",
            {"column": "dimension", "value_set": [facts["dimensions"]]},
        ),
        Check("vectors are finite", "ExpectColumnValuesToBeInSet", {"column": "finite", "value_set": [True]}),
        Check(
            "vectors have unit length",
            "ExpectColumnValuesToBeBetween",
            {"column": "length", "min_value": 0.99, "max_value": 1.01},
            threshold="0.99 to 1.01",
        ),
    ]
    if len(rows) > 1:
        checks.append(
            Check(
                "vectors differ: mean cosine of two",
                "ExpectColumnMeanToBeBetween",
                {"column": "mean_cosine", "max_value": most},
                frame="facts",
                severity="critical" if len(rows) >= settings.min_objects else "warning",
                threshold=f"at most {most:g}",
            )
        )
    return Suite(checks, {"rows": rows, "facts": pd.DataFrame([facts])})


def _selected(rows: pd.DataFrame, facts: dict[str, Any], _settings: GateSettings) -> Suite:
    checks = [
        Check(
            "the budget is kept",
            "ExpectTableRowCountToBeBetween",
            {"min_value": 0, "max_value": facts["budget"]},
            threshold=f"at most {facts['budget']}",
        ),
        Check("no sample is picked twice", "ExpectColumnValuesToBeUnique", {"column": "sample_id"}),
        Check("no rank is given twice", "ExpectColumnValuesToBeUnique", {"column": "rank"}),
        Check("no duplicate is picked", "ExpectColumnValuesToBeInSet", {"column": "kept", "value_set": [True]}),
        Check(
            "no labelled sample is picked",
            "ExpectColumnValuesToBeInSet",
            {"column": "labelled", "value_set": [False]},
        ),
    ]
    return Suite(checks, {"rows": rows})


def _with_shares(rows: pd.DataFrame, settings: GateSettings) -> pd.DataFrame:
    """Columns of 0 and 1 whose means are shares: of pictures, frames too, where there is one, else of objects.

    What is turned away since it was forgotten says nothing of a batch, and is no reject here.
    """
    gate = settings.ingested
    picture = rows["width"].notna()
    is_object = rows["outcome"] != FRAME
    small = rows[["width", "height"]].min(axis=1) < gate.min_short_side
    misexposed = (rows["brightness"] < gate.min_brightness) | (rows["brightness"] > gate.max_brightness)
    is_reject = (rows["outcome"] == "reject") & (rows["reason"] != Reject.FORGOTTEN.value)
    return rows.assign(
        reject=is_reject.astype(float).where(is_object),
        deferred=(rows["outcome"] == "deferred").astype(float).where(is_object),
        small=small.astype(float).where(picture),
        misexposed=misexposed.astype(float).where(picture),
    )


def _groups(rows: pd.DataFrame, by: str, columns: list[str], min_objects: int) -> pd.DataFrame:
    """Shares of each group, one row a group; none where there is too little to have a share of."""
    grouped = rows.assign(**{by: values_of(rows, by).fillna("(unknown)").astype(str)}).groupby(by)
    sizes = pd.DataFrame({column: _size(grouped, column) for column in columns})
    return grouped[columns].mean().where(sizes >= min_objects).dropna(how="all").reset_index()


def _size(rows: Any, column: str) -> Any:
    """Of how many rows, of a table or of each group, the column gives the share."""
    return rows[column if column in _OF_OBJECTS else "outcome"].count()


def values_of(rows: pd.DataFrame, by: str) -> "pd.Series[Any]":
    """What rows have in a column, or under a key of their metadata."""
    if by in rows.columns:
        return rows[by]
    return rows["metadata"].map(lambda text: json.loads(text or "{}").get(by))


def _any(rows: pd.DataFrame, column: str) -> bool:
    return bool(rows[column].notna().any())
