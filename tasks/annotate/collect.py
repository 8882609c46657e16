"""Collect what people answered since the last round, and stage it as annotations."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.annotate.fresh import STAGE, Fresh
from tasks.annotate.place import ontology_for, place_for, wants_labels
from tasks.annotate.settings import LabelSettings
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import annotation_rows
from tasks.store import staging, tables, views
from tasks.store.log import Batch, Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import ANNOTATIONS, FINDINGS
from tasks.unit import unit


@dataclass(frozen=True)
class Collected:
    """A round of collecting.

    Attributes:
        name: of the round in the log; None if nothing came, and nothing else changed since the last round.
        ontology: by which the answers were made.
        answers_uri: the staged annotations.
        troubles_uri: the staged findings, of answers that are no labels.
        answers: how many came.
        troubles: how many of the answers cannot be read or break the ontology.
        deleted: how many were taken back.
        from_people: annotations from people that stood before.
        handed_off: samples that were selected.
        answered: of those, the ones that have a label or get one now.
    """

    name: str | None
    ontology: str
    answers_uri: str = ""
    troubles_uri: str = ""
    answers: int = 0
    troubles: int = 0
    deleted: int = 0
    from_people: int = 0
    handed_off: int = 0
    answered: int = 0


@unit("collect labels")
def collect_labels(root: str, settings: LabelSettings, held: Sequence[str] = ()) -> Collected:
    """Stage the answers that no table and no held round has; a round that was begun goes on with what it staged.

    Args:
        root: URI of the root.
        settings: who labels what.
        held: rounds that wait for a decision: others overtake them.

    Raises:
        UsageError: there is no ontology, or the place refuses.
        WinnowError: the place does not answer.
    """
    opened = open_root(root)
    begun = _begun(opened, held)
    if begun is not None:
        return begun
    ontology = apply_ontology(opened, ontology_for(opened, settings)).ontology
    place = place_for(opened, settings)
    fresh = Fresh(opened, ontology, place)
    made, troubles = fresh.answers()
    gone = fresh.deleted()
    state = state_of(opened, ontology)
    if not made and not gone and not troubles and state in _reviewed_states(read_log(opened), held):
        return Collected(None, ontology.name)
    name = _name(read_log(opened), held)
    answers_uri, troubles_uri = (
        opened.at("staging", name, STAGE, f"{what}.parquet") for what in ("answers", "troubles")
    )
    staging.write_rows(opened, answers_uri, annotation_rows([*made, *gone], place.origin, ontology))
    staging.write_rows(opened, troubles_uri, pa.Table.from_pylist(troubles, schema=FINDINGS.schema))
    done = Collected(
        name,
        ontology.name,
        answers_uri,
        troubles_uri,
        len(made),
        len(troubles),
        len(gone),
        len(fresh.current),
        *_covered(opened, ontology, {one.sample_id for one in made}),
    )
    until = max((one.created_at for one in made if one.created_at), default=None)
    counts = {**done.__dict__, "state": state, "until": until.isoformat() if until else None}
    counts |= {what: counts[what].removeprefix(opened.uri) for what in ("answers_uri", "troubles_uri")}
    record(opened, lambda log: None if name in log.batches else Event(name, "planned", STAGE, settings.backend, counts))
    return done


def anything_to_collect(root: Root, settings: LabelSettings, held: Sequence[str] = ()) -> bool:
    """Whether a round would do anything, without doing it."""
    if _open_rounds(read_log(root), held):
        return True
    if not wants_labels(root, settings):
        return False
    ontology = ontology_for(root, settings)
    if state_of(root, ontology) not in _reviewed_states(read_log(root), held):
        return True
    fresh = Fresh(root, ontology, place_for(root, settings))
    return any(True for _ in fresh.unknown()) or bool(fresh.deleted())


def state_of(root: Root, ontology: Ontology, added: pa.Table | None = None) -> str:
    """What a review rests on besides new answers: the annotations, with those that are `added`, and the ontology.

    Empty if there are no annotations.
    """
    known = tables.open_table(root, ANNOTATIONS.name)
    count = known.count_rows() if known else 0
    if added is not None:
        ids = pa.chunked_array([added["annotation_id"].unique()])
        count += len(ids) - (len(tables.existing(known, ANNOTATIONS.key, ids)) if known else 0)
    return staging.settings_hash(count, ontology.name, ontology.version) if count else ""


def _covered(root: Root, ontology: Ontology, now: set[str]) -> tuple[int, int]:
    """How many samples were selected, and how many of them are labelled, or are so `now`."""
    asked = pa.table({"sample_id": pa.array(sorted(now), pa.string())})
    sql = """SELECT count(*), count(*) FILTER (sample_id IN (SELECT sample_id FROM labels WHERE ontology = ?)
        OR sample_id IN (SELECT sample_id FROM asked)) FROM (SELECT DISTINCT sample_id FROM selections)"""
    (found,) = views.connect(root, asked=asked).execute(sql, [ontology.name]).fetchall()
    return int(found[0]), int(found[1])


def _begun(root: Root, held: Sequence[str]) -> Collected | None:
    """A round that was begun and that nobody has to decide on; None if it has to be collected again."""
    for batch in _open_rounds(read_log(root), held):
        counts = {name: batch.planned.counts[name] for name in Collected.__dataclass_fields__}
        uris = {name: root.uri + counts[name] for name in ("answers_uri", "troubles_uri")}
        if all(staging.read_rows(root, uri) is not None for uri in uris.values()):
            return Collected(**{**counts, **uris})
    return None


def _open_rounds(log: Log, held: Sequence[str]) -> list[Batch]:
    return [batch for batch in log.open_batches if batch.planned.stage == STAGE and batch.batch_id not in held]


def _reviewed_states(log: Log, held: Sequence[str]) -> set[str]:
    """States of the annotations that need no review: that of the last round, and of those that are held."""
    rounds = [event for event in log.events if event.stage == STAGE and event.event == "committed"]
    last = str(rounds[-1].counts.get("state", "")) if rounds else ""
    return {last, *(log.batches[name].planned.counts["state"] for name in held)}


def _name(log: Log, held: Sequence[str]) -> str:
    """The next round, or one whose staged answers were lost."""
    number = 1
    while f"labels-{number}" in log.batches:
        number += 1
    return next((batch.batch_id for batch in _open_rounds(log, held)), f"labels-{number}")
