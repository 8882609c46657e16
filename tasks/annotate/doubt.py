"""Findings of kind `label_invalid`: what an import could not use, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from tasks.labels.values import as_text
from tasks.store.ids import make_id
from tasks.store.schema import FINDINGS

KIND = "label_invalid"


@dataclass(frozen=True)
class Doubt:
    """One thing that is wrong with a file of labels.

    Attributes:
        reason: what, in a sentence.
        name: the picture, as the file names it.
        sample_id: its sample, if it is known.
        annotation_id: the annotation of what was right, if anything was.
    """

    reason: str
    name: str | None = None
    sample_id: str | None = None
    annotation_id: str | None = None


def doubt_rows(doubts: Iterable[Doubt], file: str) -> pa.Table:
    """Rows of findings; the same file again gives the same ones."""
    now = datetime.now(UTC)
    rows = [
        {
            "finding_id": make_id(KIND, file, one.name or "", one.sample_id or "", one.reason),
            "sample_id": one.sample_id,
            "kind": KIND,
            "annotation_id": one.annotation_id,
            "score": 1.0,
            "reason": one.reason,
            "suggestion": as_text({"file": file, "name": one.name}),
            "status": "open",
            "created_at": now,
        }
        for one in doubts
    ]
    return pa.Table.from_pylist(rows, schema=FINDINGS.schema)
