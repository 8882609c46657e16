"""The models of a root as the log tells of them: one round of learning each, promoted, refused, held or undecided."""

from dataclasses import dataclass
from datetime import datetime

from tasks.labels.champion import STAGE, models_of
from tasks.store.log import Batch, Log


@dataclass(frozen=True)
class Round:
    """One model that was trained and evaluated.

    Attributes:
        version: its name.
        ontology: of its labels.
        snapshot: that it was trained on.
        kind: probe, classifier, detector or command.
        labels: labelled samples in the snapshot.
        trained: of those, the ones that it learned from.
        metric: name of the figure that it is judged by.
        value: that figure on the test side; None where there is none.
        low: lower end of its interval.
        high: upper end.
        test_hash: tells test sides apart.
        state: promoted, refused, held or undecided.
        at: when it was decided, or planned.
        by: who decided.
        why: what was said of it then.
    """

    version: str
    ontology: str
    snapshot: str
    kind: str
    labels: int
    trained: int
    metric: str
    value: float | None
    low: float | None
    high: float | None
    test_hash: str
    state: str
    at: datetime | None
    by: str | None
    why: str | None


STATES = {"committed": "promoted", "discarded": "refused", "held": "held"}


def rounds_of(log: Log) -> list[Round]:
    """All models of a root, in the order in which they were evaluated."""
    return [_round(batch) for batch in models_of(log)]


def _round(batch: Batch) -> Round:
    said = [event for event in batch.events if event.stage == STAGE and event.event in STATES]
    decided = said[-1] if said else batch.planned
    counts = batch.planned.counts
    return Round(
        version=batch.batch_id,
        ontology=counts["ontology"],
        snapshot=counts.get("snapshot", ""),
        kind=counts.get("kind", ""),
        labels=counts.get("labels", 0),
        trained=counts.get("trained", 0),
        metric=counts.get("metric", ""),
        value=counts.get("value"),
        low=counts.get("low"),
        high=counts.get("high"),
        test_hash=counts.get("test_hash", ""),
        state=STATES.get(decided.event, "undecided"),
        at=decided.at,
        by=decided.by,
        why=decided.note,
    )
