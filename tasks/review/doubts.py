"""A doubt about a label, and the row of the table `findings` that it becomes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tasks.labels.values import Value, as_text
from tasks.store.ids import make_id
from tasks.store.schema import FINDINGS


@dataclass(frozen=True)
class Doubt:
    """Something that may be wrong with a label.

    Attributes:
        kind: label_error, disagreement, shape_outside, shape_tiny, shape_double, shape_conflict, shape_missing or
            track_jump.
        score: 0 to 1, higher is more doubtful.
        reason: why, in words.
        value: the whole label as it might be instead, canonical; None if nobody can tell.
        what: tells doubts of one kind about one label apart; the same doubt, the same text.
    """

    kind: str
    score: float
    reason: str
    value: Value | None = None
    what: str = ""


def finding_rows(doubted: Iterable[tuple[str, str, Doubt]]) -> pa.Table:
    """Rows to write, one for each (sample_id, annotation_id, doubt). Found again, a doubt has the id it had before."""
    now = datetime.now(UTC)
    rows = [
        {
            "finding_id": make_id(sample, doubt.kind, annotation, doubt.what),
            "sample_id": sample,
            "kind": doubt.kind,
            "annotation_id": annotation,
            "score": doubt.score,
            "reason": doubt.reason,
            "suggestion": None if doubt.value is None else as_text({"value": doubt.value}),
            "status": "open",
            "created_at": now,
        }
        for sample, annotation, doubt in doubted
    ]
    return pa.Table.from_pylist(rows, schema=FINDINGS.schema)
