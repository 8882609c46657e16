"""The champion of an ontology: the model that was promoted last. The log alone knows it."""

from typing import Any

from tasks.store.log import Batch, Event, Log

STAGE = "train"


def champion_of(log: Log, ontology: str | None = None) -> Event | None:
    """The event that planned the champion (its `batch_id` is the model version); None before one was promoted.

    What was said last of a model counts: a person may promote one that was refused, or an older one again.

    Args:
        log: of the root.
        ontology: its name; without it, whichever champion was promoted last.
    """
    promoted = promotion_of(log, ontology)
    return log.batches[promoted.batch_id].planned if promoted else None


def promotion_of(log: Log, ontology: str | None = None) -> Event | None:
    """The event by which the champion was promoted."""
    judged: set[str] = set()
    for event in reversed(log.events):
        if event.stage != STAGE or event.event not in ("committed", "discarded") or event.batch_id in judged:
            continue
        judged.add(event.batch_id)
        if event.event == "committed" and ontology in (None, _ontology(log.batches[event.batch_id])):
            return event
    return None


def models_of(log: Log, ontology: str | None = None) -> list[Batch]:
    """The models that were trained and evaluated, promoted or not, in that order."""
    trained = [batch for batch in log.batches.values() if batch.planned.stage == STAGE]
    return [batch for batch in trained if ontology in (None, _ontology(batch))]


def trusted_models(log: Log, ontology: str, connection: Any) -> list[str]:
    """Versions whose predictions serve an ontology: the champion, then the others from the last name to the first.

    Models that were trained here for another ontology are left out; nothing is known of what imported ones are for.

    Args:
        log: of the root.
        ontology: its name.
        connection: has the views, see tasks/store/views.py.
    """
    champion = champion_of(log, ontology)
    foreign = {batch.batch_id for batch in models_of(log)} - {batch.batch_id for batch in models_of(log, ontology)}
    found = {row[0] for row in connection.execute("SELECT DISTINCT model_version FROM predictions").fetchall()}
    first = [champion.batch_id] if champion else []
    return [*first, *sorted(found - foreign - set(first), reverse=True)]


MOST_TRUSTED = """
    SELECT p.* FROM predictions p JOIN (SELECT ?::VARCHAR[] AS versions) t ON list_contains(t.versions, p.model_version)
    QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY list_position(t.versions, p.model_version)) = 1"""
"""The prediction of every sample that counts; its parameter is what `trusted_models` gives."""


def _ontology(batch: Batch) -> Any:
    return batch.planned.counts["ontology"]
