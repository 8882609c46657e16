"""What a review looks at: who said what, the labels that count, predictions and vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.labels.champion import MOST_TRUSTED, trusted_models
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, Value, as_value
from tasks.store import choices, tables, views
from tasks.store.log import read_log
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS


@dataclass(frozen=True)
class Row:
    """One annotation.

    Attributes:
        annotation_id: its id.
        sample_id: the sample.
        annotator: who.
        origin: import, human or oracle.
        status: how far it counts.
        value: canonical.
        seconds: of the annotator's time, if that is known.
        stands: whether no review took its place.
    """

    annotation_id: str
    sample_id: str
    annotator: str
    origin: str
    status: str
    value: Value
    seconds: float | None
    stands: bool


@dataclass(frozen=True)
class Current:
    """The label that counts for a sample, and what is known of the picture.

    Attributes:
        row: the annotation.
        kept: whether a reviewer looked at it and kept it as it was.
        width: pixels of the upright original; None where the sample is gone.
        height: the same.
        sequence: the video or recording that it belongs to.
        time: place of the frame in it, seconds.
        group: samples of one group are near-duplicates or frames of one recording.
    """

    row: Row
    kept: bool
    width: int | None
    height: int | None
    sequence: str | None
    time: float | None
    group: str


@dataclass(frozen=True)
class Material:
    """What doubts rest on.

    Attributes:
        ontology: the newest version.
        current: the labels that count, in the order of their samples.
        predicted: predictions by sample: the champion's, else another model's.
        models: which model version predicted that.
        vectors: (n, d) float32, unit rows.
        embedded: the samples that the vectors are of.
    """

    ontology: Ontology
    current: Sequence[Current]
    predicted: Mapping[str, Value]
    models: Mapping[str, str]
    vectors: NDArray[np.float32]
    embedded: Sequence[str]


def read_rows(root: Root, ontology: Ontology, staged: Sequence[pa.Table]) -> list[Row]:
    """All that people said and that still holds, newest first: also what only a review took the place of.

    Labels that the newest version of the ontology does not allow are left out.
    """
    connection = views.connect(root, staged=_as_annotations(staged))
    found = connection.sql(_SAID, params=[ontology.name]).to_arrow_table().to_pylist()
    return [row for _, row in _allowed(ontology, found)]


def read_current(root: Root, ontology: Ontology, staged: Sequence[pa.Table]) -> Material:
    """The labels that count, with what doubts about them rest on.

    Args:
        root: where the dataset is.
        ontology: its newest version.
        staged: rows of `annotations` that count as if they were committed.
    """
    connection = views.connect(root, staged=_as_annotations(staged))
    labels = connection.sql(_CURRENT, params=[ontology.name]).to_arrow_table().to_pylist()
    current = [_as_current(label, row) for label, row in _allowed(ontology, labels)]
    predicted = _predictions(root, connection, ontology)
    vectors, embedded = _vectors(root, [one.row.sample_id for one in current])
    values = {sample: as_value(value) for sample, _, value in predicted}
    models = {sample: model for sample, model, _ in predicted}
    return Material(ontology, current, values, models, vectors, embedded)


def _as_annotations(staged: Sequence[pa.Table]) -> dict[str, pa.Table]:
    return {ANNOTATIONS.name: pa.concat_tables([ANNOTATIONS.schema.empty_table(), *staged])}


_SAID = """
    WITH later AS (SELECT replaces, bool_and(status = 'reviewed') AS by_review FROM annotations
                   WHERE replaces IS NOT NULL GROUP BY replaces)
    SELECT a.*, l.replaces IS NULL AS stands FROM annotations a LEFT JOIN later l ON l.replaces = a.annotation_id
    WHERE a.ontology = ? AND a.origin <> 'model' AND a.status NOT IN ('deleted', 'discarded', 'outdated')
    AND coalesce(l.by_review, true) ORDER BY a.created_at DESC, a.annotation_id"""

_CURRENT = """
    SELECT l.*, true AS stands, coalesce(l.status = 'reviewed' AND b.value = l.value, false) AS kept, s.width, s.height,
           coalesce(s.video_uri, s.sequence_id) AS sequence,
           coalesce(s.frame_time_s, epoch(s.captured_at)) AS time,
           coalesce(s.video_uri, s.sequence_id, d.group_id, l.sample_id) AS "group"
    FROM labels l LEFT JOIN samples s ON s.sample_id = l.sample_id LEFT JOIN duplicates d ON d.sample_id = l.sample_id
    LEFT JOIN annotations b ON b.annotation_id = l.replaces
    WHERE l.ontology = ? ORDER BY l.sample_id"""

_PREDICTED = f"""
    SELECT sample_id, model_version, value FROM ({MOST_TRUSTED}) p
    WHERE sample_id IN (SELECT sample_id FROM labels WHERE ontology = ?) ORDER BY sample_id"""


def _allowed(ontology: Ontology, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Row]]:
    found = []
    for row in rows:
        try:
            value = ontology.conform(as_value(row["value"]))
        except BadLabel:
            continue
        plain = {name: row[name] for name in ("annotation_id", "sample_id", "annotator", "origin", "status", "stands")}
        found.append((row, Row(value=value, seconds=row["seconds_spent"], **plain)))
    return found


def _as_current(label: dict[str, Any], row: Row) -> Current:
    return Current(row, **{name: label[name] for name in ("kept", "width", "height", "sequence", "time", "group")})


def _predictions(root: Root, connection: Any, ontology: Ontology) -> list[tuple[str, str, str]]:
    """Sample, model version and value, of the labelled samples. The champion's were made before they were labelled."""
    trusted = trusted_models(read_log(root), ontology.name, connection)
    found: list[tuple[str, str, str]] = connection.execute(_PREDICTED, [trusted, ontology.name]).fetchall()
    return found


def _vectors(root: Root, samples: list[str]) -> tuple[NDArray[np.float32], list[str]]:
    """Of the samples that have one, with the model of the root."""
    model: Any = choices.recall(root, choices.EMBEDDING)
    dataset = tables.open_table(root, model["table"]) if model else None
    if dataset is None:
        return np.zeros((0, 0), np.float32), []
    found = tables.lookup(dataset, "sample_id", samples, ["vector"])
    return tables.matrix(found["vector"]), found["sample_id"].to_pylist()
