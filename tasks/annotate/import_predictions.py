"""Import what a model predicts: one row a sample and model version, with how unsure it is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.annotate.doubt import Doubt, doubt_rows
from tasks.annotate.import_labels import SHOWN, SLICE, matched_or_refused
from tasks.annotate.taken import Taken, take
from tasks.labels.formats import read_labels
from tasks.labels.formats.picture import Contents, Wanted
from tasks.labels.made import ontology_for, the_ontology
from tasks.labels.match import Matched
from tasks.labels.ontology import Ontology
from tasks.labels.uncertainty import uncertainty
from tasks.labels.values import EMPTY, BadLabel, as_text, canonical_prediction
from tasks.progress import advance
from tasks.store import tables
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.ids import make_id
from tasks.store.root import Root, open_root
from tasks.store.schema import FINDINGS, PREDICTIONS
from tasks.unit import unit


@dataclass
class Predicted:
    """What an import of predictions did, or would do.

    Attributes:
        model_version: the model.
        pictures: how many the file names.
        new: predictions that are new.
        known: samples that have one of that version already; the first one stays.
        wrong: findings of kind `label_invalid`.
        unknown: how many names mean no sample; `ambiguous`: how many mean several; `names` has a few of both.
        notes: what else was left out, in words.
    """

    model_version: str
    pictures: int
    new: int
    known: int
    wrong: int
    unknown: int
    ambiguous: int
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@unit("import predictions")
def import_predictions(
    root: str,
    place: str,
    form: str,
    model_version: str,
    ontology: str | None = None,
    *,
    dry_run: bool = False,
) -> Predicted:
    """Import predictions of a file; the same again changes nothing.

    Args:
        root: URI of the root.
        place: file or folder on this machine.
        form: name of the format, see tasks/labels/formats.
        model_version: what the model is called; another model, or the same trained further, needs another.
        ontology: the ontology whose classes they have to be, if it is given; without one, probabilities are taken as of
            classes that exclude each other.
        dry_run: change nothing.

    Raises:
        UsageError: the file is wrong, no name means a sample, or the ontology lacks a class.
    """
    if not model_version.strip():
        raise UsageError("Say which model predicted that: --model-version needs a name.")
    opened = open_root(root)
    by = the_ontology(opened, ontology) if ontology else None
    if ontology and by is None:
        raise UsageError(f"There is no ontology {ontology}: leave it out, or name another.")
    contents = read_labels(form, place, _wanted(by))
    matched = matched_or_refused(opened, contents, place)
    taken = _taken(contents, matched)
    if by:
        ontology_for(by, by.name, contents, [one.value for one in taken if one.value], add=False)
    rows = _rows(taken, contents, model_version.strip(), by)
    doubts = [Doubt(reason, one.name, one.sample_id) for one in taken for reason in one.wrong]
    there = _there(opened, rows)
    if not dry_run:
        for start in range(0, len(rows), SLICE):
            write(opened, PREDICTIONS.name, rows.slice(start, SLICE))
        if doubts:
            write(opened, FINDINGS.name, doubt_rows(doubts, Path(place).resolve().name))
    others = len(there) - sum(there.get(row["prediction_id"]) == row["value"] for row in rows.to_pylist())
    return Predicted(
        model_version,
        len(contents.pictures),
        len(rows) - len(there),
        len(there),
        len(doubts),
        len(matched.unknown),
        len(matched.ambiguous),
        [*matched.unknown[:SHOWN], *matched.ambiguous[:SHOWN]],
        contents.notes + ([_OTHERS.format(others)] if others else []),
    )


_OTHERS = "{:,} samples have another prediction of that model version, which stays: give this model another version"


def _there(root: Root, rows: pa.Table) -> dict[str, str]:
    """The predictions that are there already: their values by prediction_id."""
    dataset = tables.open_table(root, PREDICTIONS.name)
    if dataset is None or not len(rows):
        return {}
    found = tables.lookup(dataset, "prediction_id", rows["prediction_id"].to_pylist(), ["value"])
    return dict(zip(found["prediction_id"].to_pylist(), found["value"].to_pylist(), strict=True))


def _wanted(by: Ontology | None) -> Wanted | None:
    if by is None:
        return None
    return by.type if by.type in ("boxes", "masks") else "probabilities"


def _taken(contents: Contents, matched: Matched) -> list[Taken]:
    advance("import", 0, len(matched.found))
    taken = [Taken(None, None, None, contents.trouble)]
    for picture in contents.pictures:
        if picture.name in matched.found:
            taken.append(take(picture, matched.found[picture.name]))
            advance("import", 1)
    return taken


def _rows(taken: list[Taken], contents: Contents, model_version: str, by: Ontology | None) -> pa.Table:
    classes, multilabel = len(by.classes if by else contents.classes), by is not None and by.type == "multilabel"
    rows: dict[str, dict[str, Any]] = {}
    for one in taken:
        if one.sample_id is None or one.value is None:
            continue
        try:
            value = canonical_prediction({contents.type: []} if one.value == EMPTY else one.value)
        except BadLabel as error:
            one.wrong.append(str(error))
            continue
        row = {
            "prediction_id": make_id(one.sample_id, model_version),
            "sample_id": one.sample_id,
            "model_version": model_version,
            "value": as_text(value),
            **uncertainty(value, classes, multilabel=multilabel),
        }
        rows.setdefault(one.sample_id, row)
    return pa.Table.from_pylist(list(rows.values()), schema=PREDICTIONS.schema)
