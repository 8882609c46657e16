"""What an expectation is, and what a gate is made of."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

Transition = Literal["ingested", "deduplicated", "embedded", "compared", "selected", "annotated", "split", "trained"]
Severity = Literal["critical", "warning"]
Limit = Literal["min_value", "max_value"]


@dataclass(frozen=True)
class Check:
    """One expectation.

    Attributes:
        words: what is expected, as people read it.
        kind: class of great_expectations.expectations.
        arguments: what it takes.
        frame: which rows it judges; of ingest, `objects` are the rows without the frames of videos.
        severity: critical holds, warning warns.
        threshold: what is allowed, as people read it.
        name_by: column that names the rows that fail.
        told_by: column that says of each row that fails what is wrong.
    """

    words: str
    kind: str
    arguments: dict[str, Any]
    frame: Literal["rows", "objects", "facts", "groups", "drift", "classes", "slices", "champion"] = "rows"
    severity: Severity = "critical"
    threshold: str = ""
    name_by: str | None = None
    told_by: str | None = None


@dataclass(frozen=True)
class Suite:
    """The checks of one gate and the frames they look at."""

    checks: list[Check]
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)


def share(column: str, words: str, most: float, severity: Severity) -> Check:
    """A column of 0 and 1 whose mean is a share."""
    arguments = {"column": column, "max_value": most}
    return Check(words, "ExpectColumnMeanToBeBetween", arguments, severity=severity, threshold=f"at most {most:g}")


def bound(column: str, words: str, side: Limit, limit: float, severity: Severity) -> Check:
    """A figure of the whole, and what it may be at least or at most."""
    told = f"at {'most' if side == 'max_value' else 'least'} {limit:g}"
    arguments = {"column": column, side: limit}
    return Check(words, "ExpectColumnMeanToBeBetween", arguments, "facts", severity, threshold=told)
