"""Rows of the table `annotations`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from tasks.labels.ontology import Ontology
from tasks.labels.values import Value, as_text
from tasks.store.ids import make_id
from tasks.store.schema import ANNOTATIONS

Origin = Literal["import", "model", "human", "oracle"]
Status = Literal["submitted", "consensus", "reviewed", "blind", "deleted", "discarded", "outdated"]


@dataclass(frozen=True)
class Annotation:
    """One label that somebody, or something, gave a sample.

    Attributes:
        sample_id: the sample.
        value: canonical (see tasks/labels/values.py).
        annotator: who; for an import, what it came from.
        created_at: when, if that is known.
        seconds: of the annotator's time.
        status: how far it counts.
        replaces: annotation_id of what it takes the place of.
        reference: what it is at its origin: server, project, annotation and time; or a file. Another reference is
            another annotation, the same one is the same.
    """

    sample_id: str
    value: Value
    annotator: str
    created_at: datetime | None = None
    seconds: float | None = None
    status: Status = "submitted"
    replaces: str | None = None
    reference: str | None = None

    def id(self, origin: Origin, ontology: Ontology) -> str:
        """Its annotation_id."""
        what = (self.sample_id, origin, self.annotator, ontology.name, as_text(self.value))
        return make_id(*what, self.status, self.reference or "", self.replaces or "")


def annotation_rows(made: Iterable[Annotation], origin: Origin, ontology: Ontology) -> pa.Table:
    """Rows to write; what says no time of its own gets the time of now."""
    now = datetime.now(UTC)
    return pa.Table.from_pylist([_row(one, origin, ontology, now) for one in made], schema=ANNOTATIONS.schema)


def _row(one: Annotation, origin: Origin, ontology: Ontology, now: datetime) -> dict[str, Any]:
    return {
        "annotation_id": one.id(origin, ontology),
        "sample_id": one.sample_id,
        "origin": origin,
        "annotator": one.annotator,
        "label_type": ontology.type,
        "value": as_text(one.value),
        "status": one.status,
        "ontology": ontology.name,
        "ontology_version": ontology.version,
        "seconds_spent": one.seconds,
        "created_at": one.created_at or now,
        "replaces": one.replaces,
        "reference": one.reference,
    }
