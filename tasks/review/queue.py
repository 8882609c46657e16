"""The review queue: doubted labels, the worst first; out as records or CSV, and decisions back as new labels."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.labels.formats.spreadsheet import unarmed
from tasks.labels.ontology import Ontology, read_ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import BadLabel, Value, as_text, as_value
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.log import who
from tasks.store.root import Root

COLUMNS = ("annotation_id", "sample_id", "uri", "score", "kinds", "label", "suggestion", "reason", "decision")
"""Of the CSV; `decision` is left empty for a person to fill in."""


@dataclass(frozen=True)
class Suspect:
    """A label that counts and is doubted.

    Attributes:
        annotation_id: the label.
        sample_id: the sample.
        uri: where the picture is; empty if it is gone.
        score: of the worst doubt, 0 to 1.
        kinds: of the doubts, the worst first.
        value: the label.
        suggestion: what it might be, by the worst doubt that knows; None if none does.
        reason: of all doubts, the worst first.
    """

    annotation_id: str
    sample_id: str
    uri: str
    score: float
    kinds: Sequence[str]
    value: Value
    suggestion: Value | None
    reason: str


def review_queue(root: Root, ontology: str, most: int | None = None) -> list[Suspect]:
    """The open doubts about labels that count, one entry a label, the worst first."""
    found: dict[str, list[dict[str, str]]] = {}
    rows = views.connect(root).sql(_OPEN, params=[ontology]).to_arrow_table().to_pylist()
    for row in rows:
        found.setdefault(row["annotation_id"], []).append(row)
    return [_as_suspect(doubts) for doubts in list(found.values())[:most]]


def as_csv(queue: Sequence[Suspect]) -> str:
    """The queue as CSV, safe to open in a spreadsheet, with an empty column for the decision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in queue:
        told = None if one.suggestion is None else _in_words(one.suggestion)
        kinds, label = ", ".join(one.kinds), _in_words(one.value)
        cells = (one.annotation_id, one.sample_id, one.uri, f"{one.score:.3f}", kinds, label, told, one.reason, "")
        writer.writerow([unarmed(cell or "") for cell in cells])
    return text.getvalue()


def decided(root: Root, ontology: str, file: str) -> pa.Table:
    """Rows of `annotations` for the decisions in a CSV: `accept` the suggestion, `keep` the label, or name a class.

    A class may also be written as `class:NAME`, and of a multilabel several, with `;` between them; `unusable` and
    `empty` are answers. Rows without a decision are passed over, and so are labels that somebody reviewed meanwhile.

    Raises:
        UsageError: the file cannot be read, or a decision of it is none; nothing of it counts then.
    """
    newest = read_ontology(root, ontology)
    waiting = {one.annotation_id: one for one in review_queue(root, ontology)}
    made = []
    for line, row in enumerate(_read(file), start=2):
        decision, suspect = (row.get("decision") or "").strip(), waiting.get(row["annotation_id"])
        if decision and suspect:
            value = _decided(newest, suspect, decision, f"{file}, line {line}")
            made.append(Annotation(suspect.sample_id, value, who(), status="reviewed", replaces=suspect.annotation_id))
    return annotation_rows(made, "human", newest)


_OPEN = """
    SELECT f.annotation_id, f.sample_id, f.kind, f.score, f.reason, f.suggestion, l.value, s.uri
    FROM findings f JOIN labels l ON l.annotation_id = f.annotation_id
    LEFT JOIN samples s ON s.sample_id = f.sample_id
    WHERE f.status = 'open' AND l.ontology = ?
    ORDER BY max(f.score) OVER (PARTITION BY f.annotation_id) DESC, f.sample_id, f.annotation_id, f.score DESC,
             f.kind, f.finding_id"""


def _as_suspect(doubts: list[dict[str, str]]) -> Suspect:
    worst = doubts[0]
    told = [as_value(one["suggestion"]) for one in doubts if one["suggestion"]]
    suggestions = [one["value"] for one in told if "value" in one]
    return Suspect(
        worst["annotation_id"],
        worst["sample_id"],
        worst["uri"] or "",
        float(worst["score"]),
        list(dict.fromkeys(one["kind"] for one in doubts)),
        as_value(worst["value"]),
        suggestions[0] if suggestions else None,
        "; ".join(one["reason"] for one in doubts),
    )


def _in_words(value: Value) -> str:
    """A class or an answer by its name, several classes with `;` between them, shapes as JSON."""
    if set(value) == {"class"} or set(value) == {"answer"}:
        return str(next(iter(value.values())))
    return "; ".join(value["classes"]) if set(value) == {"classes"} else as_text(value)


def _read(file: str) -> list[dict[str, str]]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            names, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeError, csv.Error) as error:
        raise UsageError(f"The decisions in {file} cannot be read ({error}).") from error
    lacking = {"annotation_id", "decision"} - set(names)
    if lacking:
        raise UsageError(f"{file} has no column {min(lacking)}: fill in what `winnow labels suspects --csv` wrote.")
    return rows


def _decided(ontology: Ontology, suspect: Suspect, decision: str, where: str) -> Value:
    if decision == "keep":
        return suspect.value
    if decision == "accept":
        if suspect.suggestion is None:
            raise UsageError(f"{where}: there is no suggestion to accept; decide `keep`, or label it again.")
        return _conform(ontology, suspect.suggestion, where)
    name = decision.removeprefix("class:")
    if ontology.type in ("boxes", "masks") or name in ("unusable", "empty"):
        stated: Value = {"answer": name}
    elif ontology.type == "multilabel":
        stated = {"classes": [part.strip() for part in name.split(";")]}
    else:
        stated = {"class": name}
    return _conform(ontology, stated, where)


def _conform(ontology: Ontology, value: Value, where: str) -> Value:
    try:
        return ontology.conform(value)
    except BadLabel as error:
        raise UsageError(f"{where}: the decision is none ({error}); decide `accept`, `keep`, or a class.") from error
