"""Settle a hold: a person releases or discards the batch, and says why."""

from tasks.store.errors import UsageError
from tasks.store.log import Batch, Event, Log, read_log, record
from tasks.store.root import Root


def release(root: Root, subject: str, note: str, by: str | None = None) -> Event:
    """Let a held batch or selection through its gate. Raises UsageError if it is not held.

    `by` says who decided, if it is not the user on whose account this runs.
    """
    return _settle(root, subject, "released", note, by)


def discard(root: Root, subject: str, note: str, by: str | None = None) -> Event:
    """Give a held batch or selection up, as `release` lets it through. Raises UsageError if it is not held."""
    return _settle(root, subject, "discarded", note, by)


def _settle(root: Root, subject: str, decision: str, note: str, by: str | None) -> Event:
    if not note.strip():
        raise UsageError("Say why, in a word or two: --note is not to be empty.")
    made: list[Event] = []

    def decide(log: Log) -> Event | None:
        held = _held(log, subject)
        if held.held is None:
            return None
        event = Event(subject, decision, held.held.stage, by=by, note=note)  # type: ignore[arg-type]
        made.append(event)
        return event

    _refuse_other(read_log(root), subject)
    record(root, decide)
    if not made:
        raise UsageError(f"{subject} was settled by somebody else just now; see `winnow status`.")
    return made[-1]


def _refuse_other(log: Log, subject: str) -> None:
    if _held(log, subject).held is None:
        raise UsageError(f"{subject} is not held; {_held_now(log)}.")


def _held(log: Log, subject: str) -> Batch:
    if subject not in log.batches:
        raise UsageError(f"There is no batch or selection {subject}; {_held_now(log)}.")
    return log.batches[subject]


def _held_now(log: Log) -> str:
    held = [batch.batch_id for batch in log.open_batches if batch.held]
    return f"held are: {', '.join(held)}" if held else "nothing is held"
