"""The whole loop, `winnow run`: curate, select, label, learn, report. What is to do is known before Prefect starts."""

from __future__ import annotations

from typing import Any, Literal

from flows.outcome import Outcome
from flows.run import Summary, held_rounds, held_selections, held_snapshots
from flows.settings import Settings
from tasks.annotate.collect import anything_to_collect
from tasks.annotate.handoff import missing_handoffs
from tasks.annotate.place import ontology_for, wants_labels
from tasks.annotate.send import anything_to_send
from tasks.embed.again import asks_for_another
from tasks.gate.checks import Transition
from tasks.gate.judge import is_held
from tasks.gate.settings import GateSettings
from tasks.gate.settle import discard, release
from tasks.image.weights import refuse_missing_weights
from tasks.ingest.plan import Plan, listed_part, plan
from tasks.ingest.source import refuse_missing_source
from tasks.learn.due import anything_to_learn, trains_unasked
from tasks.learn.models.promote import released_models
from tasks.learn.snapshots.make import wanted_snapshot
from tasks.report.page import has_report, report_path, write_report
from tasks.select.pick import Wanted, wanted_selection
from tasks.store.errors import WinnowError
from tasks.store.log import STAGES, Batch, read_log
from tasks.store.root import WAITING, Root, locked, open_root
from tasks.store.storage import shown

GATE_BEFORE: dict[str, Transition] = {
    "ingest": "ingested",
    "dedupe": "deduplicated",
    "embed": "embedded",
    "compare": "compared",
    "crops": "embedded",
    "select": "selected",
    "label": "annotated",
    "snapshot": "split",
    "train": "trained",
}
"""The gate that a stage has to pass before it is committed."""

Decision = Literal["release", "discard"]
"""What a person can decide of a hold."""


def run(settings: Settings, *, select: bool = True, report: bool = True) -> Outcome:
    """Take in what is new, select, label, learn, report; nothing new, nothing is started.

    Args:
        settings: all of them.
        select: also select and hand off, and go on as far as labels allow.
        report: also write the report.
    """
    source = settings.source_uri
    refuse_missing_source(source)
    refuse_missing_weights(settings.embed.checkpoint)
    root = open_root(settings.root_uri, create=True)
    listing = listed_part(root, source, settings.ingest)
    with locked(root, WAITING):
        by = settings.gates.ingested.by
        outcome = Outcome(plan(root, source, settings.ingest, settings.frozen(), by, listing))
        away = outcome.planned.unreadable
        if away:
            outcome.notes.append(f"{len(away)} places in the source cannot be read, the first is {shown(away[0])}.")
        if outcome.planned.described:
            outcome.notes.append(f"Of {outcome.planned.described} known files there is new metadata.")
        if not outcome.planned.part:
            _go_on(root, settings, outcome, select)
    if outcome.planned.part:  # its files are read while other runs commit
        _go_on(root, settings, outcome, select)
    return _finished(root, settings, outcome, learns=select, report=report)


def _go_on(root: Root, settings: Settings, outcome: Outcome, select: bool) -> None:
    _curate(root, settings, outcome)
    if select:
        _select(root, settings, outcome, None)
        _label(root, settings, outcome)


def resume(settings: Settings) -> Outcome:
    """Go on with what is planned, released or selected already; lists no source, and leaves what is held alone."""
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        waiting = tuple(batch.batch_id for batch in read_log(root).open_batches if batch.planned.stage == "ingest")
        outcome = Outcome(Plan(0, 0, 0, 0, waiting))
        _curate(root, settings, outcome, rejudge=False)
        _select(root, settings, outcome, None, rejudge=False)
        _label(root, settings, outcome, rejudge=False)
    return _finished(root, settings, outcome, learns=True, report=True, rejudge=False)


def settle(settings: Settings, decision: Decision, subject: str, note: str, by: str | None = None) -> Outcome:
    """Release or discard what is held, and go on with it. Raises UsageError if it is not held, or the note is empty.

    `by` says who decided, if it is not the user on whose account this runs.
    """
    decide = {"release": release, "discard": discard}[decision]
    decide(open_root(settings.root_uri), subject, note, by)
    return resume(settings)


def pick(settings: Settings, name: str | None) -> Outcome:
    """Only select and hand off."""
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        outcome = Outcome(Plan(0, 0, 0, 0, ()))
        _select(root, settings, outcome, name)
        if not outcome.summaries:
            wanted = _wanted_selection(root, settings, name, settings.gates)
            outcome.notes.append(f"Nothing selected: {wanted.why}.")
        return _told(root, outcome)


def collect(settings: Settings) -> Outcome:
    """Only send tasks, collect and review."""
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        outcome = Outcome(Plan(0, 0, 0, 0, ()))
        if not read_log(root).visible("select") and not anything_to_collect(root, settings.labels):
            outcome.notes.append("Nothing is selected yet: `winnow run SOURCE` picks what is worth a label.")
        else:
            ontology_for(root, settings.labels)
            _label(root, settings, outcome)
            if not outcome.summaries:
                outcome.notes.append("No new labels, and nothing new to send.")
        return _told(root, outcome)


def snapshot(settings: Settings, name: str | None, *, by_hand: bool = False) -> Outcome:
    """Only freeze the labels of now: under this name, or under the next one if labels are new.

    Args:
        settings: all of them.
        name: of the snapshot.
        by_hand: raise UsageError where nothing can be learned from the labels, as for whoever asks for just that.
    """
    root = open_root(settings.root_uri)
    held = held_snapshots(root, settings.gates)
    outcome = Outcome(Plan(0, 0, 0, 0, ()))
    wanted = wanted_snapshot(root, settings.learn, name, held)
    if by_hand:
        wanted.refuse_unfit()
    if wanted.name is None:
        outcome.notes.append(f"No snapshot: {wanted.why}.")
    else:
        from flows.snapshot import snapshot as freeze

        outcome.summaries.append(_summary(freeze(settings, name, return_state=True)))
    return _told(root, outcome)


def learn(settings: Settings, name: str | None, *, by_hand: bool = False) -> Outcome:
    """Only learn: a snapshot of this name, or of labels that are new, and a model of it; `by_hand` as for snapshot."""
    root = open_root(settings.root_uri)
    outcome = Outcome(Plan(0, 0, 0, 0, ()))
    _learn(root, settings, outcome, name)
    if not outcome.summaries:
        wanted = wanted_snapshot(root, settings.learn, name, held_snapshots(root, settings.gates))
        if by_hand:
            wanted.refuse_unfit()
        outcome.notes.append(f"Nothing to learn: {wanted.why}.")
    return _finished(root, settings, outcome, learns=False, report=True)


def _finished(
    root: Root, settings: Settings, outcome: Outcome, *, learns: bool, report: bool, rejudge: bool = True
) -> Outcome:
    """Learn and report: neither keeps another run waiting. What stops learning does not stop the report."""
    try:
        if learns and (settings.learn.enabled or released_models(root)):
            _learn(root, settings, outcome, None, rejudge=rejudge, unasked=True)
    except WinnowError:
        _report(root, settings, outcome, wanted=report)
        raise
    _report(root, settings, outcome, wanted=report)
    return _told(root, outcome)


def _report(root: Root, settings: Settings, outcome: Outcome, *, wanted: bool) -> None:
    if wanted and (outcome.summaries or not has_report(root)):
        outcome.report = write_report(root.uri, cost_per_hour=settings.labels.cost_per_hour)
    elif has_report(root):
        outcome.report = report_path(root)


def _curate(root: Root, settings: Settings, outcome: Outcome, rejudge: bool = True) -> None:
    if _something_to_curate(root, settings, outcome.planned, settings.gates if rejudge else None):
        from flows.curate import curate

        outcome.summaries.append(_summary(curate(settings, outcome.planned, rejudge, return_state=True)))


def _select(root: Root, settings: Settings, outcome: Outcome, name: str | None, rejudge: bool = True) -> None:
    wanted = _wanted_selection(root, settings, name, settings.gates if rejudge else None)
    if wanted.name is not None or missing_handoffs(root):
        from flows.select import select

        outcome.summaries.append(_summary(select(settings, name, rejudge, return_state=True)))


def _wanted_selection(root: Root, settings: Settings, name: str | None, gates: GateSettings | None) -> Wanted:
    held = held_selections(root, gates)
    return wanted_selection(root, settings.select, name, held, settings.learn.ontology)


def _label(root: Root, settings: Settings, outcome: Outcome, rejudge: bool = True) -> None:
    held = held_rounds(root, settings.gates if rejudge else None)
    waits = wants_labels(root, settings.labels) and anything_to_send(root, settings.labels)
    if waits or anything_to_collect(root, settings.labels, held):
        from flows.label import label

        outcome.summaries.append(_summary(label(settings, rejudge, return_state=True)))


def _learn(
    root: Root, settings: Settings, outcome: Outcome, name: str | None, *, rejudge: bool = True, unasked: bool = False
) -> None:
    held = held_snapshots(root, settings.gates if rejudge else None)
    trains = not unasked or (settings.learn.enabled and trains_unasked(root, settings.learn))
    if name is not None or anything_to_learn(root, settings.learn, held, trains=trains):
        from flows.learn import learn

        outcome.summaries.append(_summary(learn(settings, name, rejudge, trains, return_state=True)))


def _something_to_curate(root: Root, settings: Settings, planned: Plan, gates: GateSettings | None) -> bool:
    before = [batch for batch in read_log(root).open_batches if not planned.part or batch.batch_id in planned.batches]
    return asks_for_another(root, settings.embed) or any(_moves(root, batch, gates) for batch in before)


def _moves(root: Root, batch: Batch, gates: GateSettings | None) -> bool:
    """Whether a batch, of objects or of samples to embed again, can go on without a person."""
    stage = batch.next_stage
    return stage in STAGES and not is_held(root, batch.batch_id, GATE_BEFORE[stage], gates)


def _summary(state: Any) -> Summary:
    summary: Summary = state.result()
    return summary


def _told(root: Root, outcome: Outcome) -> Outcome:
    held = [batch for batch in read_log(root).open_batches if batch.held]
    outcome.held = [batch.batch_id for batch in held]
    outcome.held_objects = sum(batch.planned.counts["objects"] for batch in held if batch.next_stage == "ingest")
    return outcome
