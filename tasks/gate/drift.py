"""Drift: whether a group of pictures, as those of one camera, looks as its earlier ones did."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.gate.checks import Check, Suite
from tasks.gate.settings import GateSettings
from tasks.gate.suites import values_of
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.ids import json_path
from tasks.store.root import Root

MEASURES = ("brightness", "sharpness")

FEWEST = 10
"""The median of fewer pictures says too little."""

_SPREAD = 1.4826
"""Median absolute deviation to standard deviation, for normally distributed values."""


def add_drift(root: Root, suite: Suite, rows: pd.DataFrame, settings: GateSettings) -> Suite:
    """The suite of `ingested`, with a check for each measure that compares groups with their own earlier samples.

    The median of a group is to lie within the median of the medians of its earlier days, +- the larger of `max_drift`
    of their scaled median absolute deviations (Hampel, The influence curve and its role in robust estimation, 1974)
    and `min_drift` of that median. Earlier samples of other hours of the day than the group's do not count, so that
    the pictures of a night are compared with nights.

    Args:
        root: where the earlier samples are.
        suite: to add to.
        rows: staged rows.
        settings: of all gates.

    Raises:
        UsageError: no object, here or earlier, has the column or metadata key that `by` names.
    """
    gate, by = settings.ingested, settings.ingested.by
    if by is None:
        return suite
    named = values_of(rows, by)
    if len(rows) and named.isna().all() and not _was_seen(root, by):
        raise UsageError(f"gates.ingested.by: no object has a column or metadata key {by!r}.")
    if gate.drift == "off":
        return suite
    hours = pd.to_datetime(rows["captured_at"], utc=True).dt.hour.fillna(-1).astype(int)
    pictures = rows.assign(named=named.astype(str), hour=hours)[named.notna() & rows["brightness"].notna()]
    large = pictures["named"].map(pictures["named"].value_counts()) >= max(min(settings.min_objects, len(rows)), FEWEST)
    pictures = pictures[large]
    compared = pd.DataFrame()
    if len(pictures):
        compared = pd.DataFrame(_compared(_earlier_days(root, by, pictures, gate.drift_days), pictures, settings))
    if not len(compared):
        return suite
    critical = len(rows) >= settings.min_objects and gate.drift == "hold"
    checks = [
        Check(
            f"{measure} as usual, by {by}",
            "ExpectColumnValuesToBeInSet",
            {"column": measure, "value_set": [True]},
            frame="drift",
            severity="critical" if critical else "warning",
            threshold=f"within {gate.min_drift:.0%}, or {gate.max_drift:g} deviations of {gate.drift_days} days",
            told_by=f"{measure}_told",
        )
        for measure in MEASURES
    ]
    return Suite([*suite.checks, *checks], {**suite.frames, "drift": compared})


def _was_seen(root: Root, by: str) -> bool:
    connection = views.connect(root)
    found, path = _key(connection, by)
    return bool(connection.execute(f"SELECT bool_or({found} IS NOT NULL) FROM objects", path).fetchall()[0][0])


def _earlier_days(root: Root, by: str, pictures: pd.DataFrame, days: int) -> pd.DataFrame:
    """Medians of the samples so far, at the same hours: a row for each group and day, of each group the last `days`."""
    wanted = pa.Table.from_pandas(pictures[["named", "hour"]].drop_duplicates(), preserve_index=False)
    connection = views.connect(root, wanted=wanted)
    found, path = _key(connection, by)
    medians = ", ".join(f"median({name}) AS {name}" for name in MEASURES)
    sql = f"""
        SELECT named, day, {medians}, count(*) AS samples FROM (
            SELECT {found} AS named, coalesce(captured_at, ingested_at)::DATE AS day,
                   coalesce(hour(captured_at AT TIME ZONE 'UTC'), -1) AS hour, {", ".join(MEASURES)} FROM samples)
        WHERE (named, hour) IN (SELECT named, hour FROM wanted) GROUP BY named, day
        QUALIFY row_number() OVER (PARTITION BY named ORDER BY day DESC) <= {days}"""
    earlier: pd.DataFrame = connection.execute(sql, path).df()
    return earlier


def _key(connection: Any, by: str) -> tuple[str, list[str]]:
    """A column of the views or a key of their metadata, in SQL, and what it is asked with."""
    columns = connection.sql("FROM objects LIMIT 0").columns
    return (f'"{by}"::VARCHAR', []) if by in columns else ("(metadata->>?)", [json_path(by)])


def _compared(earlier: pd.DataFrame, pictures: pd.DataFrame, settings: GateSettings) -> Iterator[dict[str, Any]]:
    for name, group in pictures.groupby("named"):
        days = earlier[earlier["named"] == name]
        if days["samples"].sum() < settings.ingested.min_earlier:
            continue
        compared: dict[str, Any] = {"named": name}
        for measure in MEASURES:
            low, high = _usual(days[measure].to_numpy(), settings)
            now = float(group[measure].median())
            compared[measure] = low <= now <= high
            compared[f"{measure}_told"] = f"{name}: {measure} {now:.2g}, usually {low:.2g}-{high:.2g}"
        yield compared


def _usual(medians: Any, settings: GateSettings) -> tuple[float, float]:
    middle = float(np.median(medians))
    spread = _SPREAD * float(np.median(np.abs(medians - middle)))
    width = max(settings.ingested.max_drift * spread, settings.ingested.min_drift * middle)
    return max(middle - width, 0.0), middle + width
