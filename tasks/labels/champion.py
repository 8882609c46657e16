"""The champion of an ontology: the model that was promoted last. The log alone knows it."""

from tasks.store.log import Event, Log

STAGE = "train"


def champion_of(log: Log, ontology: str | None = None) -> Event | None:
    """The event that planned the champion (its `batch_id` is the model version); None before one was promoted.

    Args:
        log: of the root.
        ontology: its name; without it, whichever champion was promoted last.
    """
    for event in reversed(log.events):
        if event.event == "committed" and event.stage == STAGE:
            batch = log.batches[event.batch_id]
            if not batch.discarded and ontology in (None, batch.planned.counts["ontology"]):
                return batch.planned
    return None
