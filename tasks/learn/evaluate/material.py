"""What an evaluation looks at: samples of a snapshot, what a model says of them, and what a review said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tasks.labels.snapshot import Side, Snapshot
from tasks.labels.values import BadLabel, Value, as_value, canonical_prediction
from tasks.learn.evaluate.answers import Answers, Codes
from tasks.learn.evaluate.kinds import answers
from tasks.store import views
from tasks.store.root import Root

Said = Mapping[str, Value]
"""What a model says, by sample; where it said nothing that can be used, nothing."""


@dataclass(frozen=True)
class Examined:
    """One side of a snapshot, and what a model says of it.

    Attributes:
        samples: n ids.
        annotations: n ids of their labels.
        labels: n values.
        groups: (n,) codes of what is never on two sides.
        answers: labels and predictions.
    """

    samples: Sequence[str]
    annotations: Sequence[str]
    labels: Sequence[Value]
    groups: Codes
    answers: Answers


@dataclass(frozen=True)
class Reviewed:
    """What the review says of a label that counts: whether somebody decided on it, and whether it is doubted."""

    decided: bool
    doubted: bool


def examined(snapshot: Snapshot, side: Side, said: Said) -> Examined:
    """One side of a snapshot, with what a model says by sample."""
    rows = snapshot.side(side)
    samples, labels = rows["sample_id"].to_pylist(), [as_value(text) for text in rows["value"].to_pylist()]
    return Examined(
        samples,
        rows["annotation_id"].to_pylist(),
        labels,
        np.unique(np.array(rows["group"].to_pylist(), object).astype(str), return_inverse=True)[1],
        answers(snapshot.label_type, snapshot.classes, labels, [said.get(sample) for sample in samples]),
    )


def usable(predicted: pa.Table) -> Said:
    """Predictions by sample: those that are values, and of which every number is finite."""
    found = {}
    for sample, text in zip(predicted["sample_id"].to_pylist(), predicted["value"].to_pylist(), strict=True):
        try:
            value = canonical_prediction(as_value(text))
        except (BadLabel, ValueError, TypeError):
            continue
        shares = value.get("probabilities")
        if shares is None or (sum(shares.values()) > 0 and all(map(math.isfinite, shares.values()))):
            found[sample] = value
    return found


def read_reviewed(root: Root, annotations: Sequence[str]) -> dict[str, Reviewed]:
    """What the review says of labels that count still, by annotation."""
    wanted = pa.table({"annotation_id": pa.array(annotations, pa.string())})
    rows = views.connect(root, wanted=wanted).execute(_REVIEWED).fetchall()
    return {annotation: Reviewed(decided, doubted) for annotation, decided, doubted in rows}


_REVIEWED = """
    SELECT l.annotation_id, coalesce(l.status = 'reviewed', false), EXISTS (
        SELECT 1 FROM findings f
        WHERE f.annotation_id = l.annotation_id AND f.kind = 'label_error' AND f.status = 'open')
    FROM labels l JOIN wanted w ON w.annotation_id = l.annotation_id"""
