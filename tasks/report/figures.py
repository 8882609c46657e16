"""The figures of the report: what SQL over the views gives, ready to be drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.store.log import read_log
from tasks.store.root import Root

BINS = 24

QUALITY = {
    "brightness": "mean luma, 0 black to 1 white",
    "contrast": "standard deviation of luma",
    "sharpness": "standard deviation of the Laplacian",
    "entropy": "of luma, bits",
    "saturation": "mean, 0 grey to 1",
    "megapixels": "of the original",
}


@dataclass(frozen=True)
class Step:
    """One step of the flow of counts: how many went on, and where the others went."""

    name: str
    count: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class Histogram:
    """A column's distribution: counts of all samples and of the selected ones, in BINS equal bins from low to high."""

    name: str
    unit: str
    low: float
    high: float
    all: list[int]
    selected: list[int]


@dataclass(frozen=True)
class Figures:
    """Everything that the page counts."""

    steps: list[Step]
    rejects: list[dict[str, Any]]
    reject_reasons: dict[str, int]
    gates: list[dict[str, Any]]
    held: list[dict[str, Any]]
    histograms: list[Histogram]


def figures(root: Root, connection: Any, rejects_shown: int) -> Figures:
    """Count what is committed now; `connection` has the views."""
    return Figures(
        steps=_steps(connection),
        rejects=_rows(
            connection,
            "SELECT uri, reason, detail, byte_size FROM objects WHERE outcome IN ('reject', 'deferred') "
            f"AND uri IS NOT NULL ORDER BY reason, uri LIMIT {int(rejects_shown)}",
        ),
        reject_reasons={
            row["reason"]: row["n"]
            for row in _rows(
                connection,
                "SELECT reason, count(*) AS n FROM objects WHERE outcome IN ('reject', 'deferred') "
                "GROUP BY reason ORDER BY n DESC, reason",
            )
        },
        gates=_rows(
            connection,
            "SELECT subject, transition, expectation, severity, success, observed, threshold, judged_at FROM gates "
            "QUALIFY dense_rank() OVER (ORDER BY judged_at DESC) <= 4 ORDER BY judged_at, transition, expectation",
        ),
        held=[
            {
                "subject": batch.batch_id,
                "stage": batch.held.stage,
                "why": batch.held.note,
                "since": batch.held.at,
            }
            for batch in read_log(root).open_batches
            if batch.held
        ],
        histograms=_histograms(connection),
    )


def _steps(connection: Any) -> list[Step]:
    outcomes = {
        row["outcome"]: row["n"]
        for row in _rows(connection, "SELECT outcome, count(*) AS n FROM objects GROUP BY outcome")
    }
    duplicates = {
        row["kind"]: row["n"] for row in _rows(connection, "SELECT kind, count(*) AS n FROM duplicates GROUP BY kind")
    }
    counts = _rows(
        connection,
        """SELECT (SELECT count(*) FROM samples) AS samples, (SELECT count(*) FROM kept) AS kept,
        (SELECT count(DISTINCT sample_id) FROM selections) AS selected,
        (SELECT count(DISTINCT sample_id) FROM labels) AS labelled""",
    )[0]
    others = {name: number for name, number in outcomes.items() if name != "sample"}
    return [
        Step("objects", sum(outcomes.values()), {}),
        Step("samples", counts["samples"], others),
        Step("kept", counts["kept"], {f"{kind} duplicates": number for kind, number in duplicates.items()}),
        Step("selected", counts["selected"], {"in the pool": counts["kept"] - counts["selected"]}),
        Step("labelled", counts["labelled"], {"waiting": counts["selected"] - counts["labelled"]}),
    ]


def _histograms(connection: Any) -> list[Histogram]:
    columns = connection.sql(
        """SELECT brightness, contrast, sharpness, entropy, saturation, width::DOUBLE * height / 1e6 AS megapixels,
        sample_id IN (SELECT sample_id FROM selections) AS selected FROM kept"""
    ).to_arrow_table()
    selected = columns["selected"].to_numpy()
    drawn = []
    for name, unit in QUALITY.items():
        values = columns[name].to_numpy().astype(np.float64)
        if not len(values):
            continue
        low, high = float(values.min()), float(np.quantile(values, 0.995))
        high = high if high > low else low + 1
        clipped = np.clip(values, low, high)
        counts, chosen = (np.histogram(part, BINS, (low, high))[0].tolist() for part in (clipped, clipped[selected]))
        drawn.append(Histogram(name, unit, low, high, counts, chosen))
    return drawn


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows
