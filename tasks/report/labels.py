"""Labels on the page: how far they are, who made them, how the classes are spread, and which ones are doubtful."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.labels.ontology import Ontology, ontology_names, read_ontology
from tasks.labels.values import Value, as_value, classes
from tasks.report.gallery import Picture, named
from tasks.store import tables
from tasks.store.root import Root

SUSPECTS_SHOWN = 24
AGAIN_SHOWN = 48
NEIGHBOURS_SHOWN = 3
COMPARED = 20_000
"""Labelled samples among which neighbours are looked for, at most: drawn by their ids."""


@dataclass(frozen=True)
class Progress:
    """How far the labels of one ontology are.

    Attributes:
        ontology: the newest version.
        labelled: samples with a label.
        waiting: samples that were selected and have none.
        outdated: of those, the ones whose class was split or retired.
        by: labels by what they rest on: reviewed, consensus, human, oracle, import.
        classes: of every class, in how many samples it is, the most frequent first; answers that are no class too.
    """

    ontology: Ontology
    labelled: int
    waiting: int
    outdated: int
    by: dict[str, int]
    classes: list[tuple[str, int]]


@dataclass(frozen=True)
class Annotator:
    """One annotator: answers, seconds in all, answers that are the label now, out of those that have one."""

    name: str
    answers: int
    seconds: float
    agreed: int
    compared: int


@dataclass(frozen=True)
class Suspect:
    """A doubtful label: the picture, what it is called, what it might be, why; and the samples most like it."""

    picture: Picture
    label: str
    suggestion: str
    reason: str
    score: float
    neighbours: list[Picture]


@dataclass(frozen=True)
class Labels:
    """Everything that the page says about labels; `again` are samples whose class was split or retired."""

    progress: list[Progress]
    annotators: list[Annotator]
    agreement: str
    open_findings: dict[str, int]
    again: list[Picture]
    suspects: list[Suspect]


def read_labels(root: Root, connection: Any, model: dict[str, str] | None) -> Labels:
    """What there is to say; `model` is the recorded one, by whose vectors samples are alike."""
    agreement = _rows(connection, _AGREEMENT)
    return Labels(
        progress=[_progress(connection, read_ontology(root, name)) for name in ontology_names(root)],
        annotators=[Annotator(**row) for row in _rows(connection, _ANNOTATORS)],
        agreement=agreement[0]["observed"] if agreement else "",
        open_findings={row["kind"]: row["n"] for row in _rows(connection, _KINDS)},
        again=_again(root, connection),
        suspects=_suspects(root, connection, model),
    )


def in_words(value: Value) -> str:
    """A label as people say it."""
    if "answer" in value:
        return str(value["answer"])
    if "probabilities" in value:
        return str(max(value["probabilities"], key=value["probabilities"].__getitem__))
    counted = Counter(classes(value))
    return ", ".join(name if number == 1 else f"{number} {name}" for name, number in sorted(counted.items()))


def _progress(connection: Any, ontology: Ontology) -> Progress:
    found = _rows(connection, _LABELS, [ontology.name])
    spread = Counter[str](dict.fromkeys(ontology.class_names, 0))
    for row in found:
        value = as_value(row["value"])
        spread.update(set(classes(value)) or {in_words(value)})
    standing = _rows(connection, _STANDING, [ontology.name] * 3)[0]
    return Progress(
        ontology,
        len(found),
        standing["waiting"],
        standing["outdated"],
        dict(Counter(row["basis"] for row in found).most_common()),
        spread.most_common(),
    )


def _again(root: Root, connection: Any) -> list[Picture]:
    found = _rows(connection, _AGAIN, [AGAIN_SHOWN])
    return named(root, connection, {row["sample_id"]: f"was {in_words(as_value(row['value']))}" for row in found})


def _suspects(root: Root, connection: Any, model: dict[str, str] | None) -> list[Suspect]:
    found = _rows(connection, _SUSPECTS, [SUSPECTS_SHOWN])
    alike = _alike(root, connection, model, [row["sample_id"] for row in found])
    pictures = {one.sample_id: one for one in named(root, connection, {row["sample_id"]: "" for row in found})}
    suspects = []
    for row in found:
        if row["sample_id"] in pictures:
            suggested = as_value(row["suggestion"] or "{}").get("value")
            suspects.append(
                Suspect(
                    pictures[row["sample_id"]],
                    in_words(as_value(row["value"])) if row["value"] else "",
                    in_words(suggested) if suggested else "",
                    row["reason"] or "",
                    row["score"],
                    named(root, connection, alike.get(row["sample_id"], {})),
                )
            )
    return suspects


def _alike(root: Root, connection: Any, model: dict[str, str] | None, samples: list[str]) -> dict[str, dict[str, str]]:
    """For each sample the labelled ones that are most like it, with what they are called."""
    vectors = tables.open_table(root, model["table"]) if model else None
    if vectors is None or not samples:
        return {}
    labels = {row["sample_id"]: in_words(as_value(row["value"])) for row in _rows(connection, _COMPARED, [COMPARED])}
    found = tables.lookup(vectors, "sample_id", dict.fromkeys([*samples, *labels]), ["vector"])
    ids, rows = found["sample_id"].to_pylist(), tables.matrix(found["vector"])
    place = {name: number for number, name in enumerate(ids)}
    labelled = np.array([place[name] for name in labels if name in place], np.int64)
    alike = {}
    for sample in samples:
        if sample in place and len(labelled):
            nearest = labelled[np.argsort(-(rows[labelled] @ rows[place[sample]]), kind="stable")]
            names = [ids[one] for one in nearest if ids[one] != sample][:NEIGHBOURS_SHOWN]
            alike[sample] = {name: labels[name] for name in names}
    return alike


_BASIS = "CASE WHEN status IN ('reviewed', 'consensus') THEN status ELSE origin END"

_LABELS = f"SELECT value, {_BASIS} AS basis FROM labels WHERE ontology = ?"

_STANDING = """
    SELECT (SELECT count(DISTINCT sample_id) FROM selections
            WHERE sample_id NOT IN (SELECT sample_id FROM labels WHERE ontology = ?)) AS waiting,
           (SELECT count(DISTINCT sample_id) FROM standing WHERE ontology = ? AND status = 'outdated'
            AND sample_id NOT IN (SELECT sample_id FROM labels WHERE ontology = ?)) AS outdated"""

_AGAIN = """
    SELECT sample_id, any_value(value ORDER BY created_at DESC) AS value FROM standing s
    WHERE status = 'outdated' AND sample_id NOT IN (SELECT sample_id FROM labels WHERE ontology = s.ontology)
    GROUP BY sample_id ORDER BY sample_id LIMIT ?"""

_ANNOTATORS = """
    SELECT a.annotator AS name, count(*) AS answers, coalesce(sum(a.seconds_spent), 0) AS seconds,
           count(*) FILTER (a.value = l.value AND l.annotation_id <> a.annotation_id) AS agreed,
           count(*) FILTER (l.annotation_id <> a.annotation_id) AS compared
    FROM standing a LEFT JOIN labels l USING (sample_id, ontology)
    WHERE a.origin IN ('human', 'oracle') AND a.status IN ('submitted', 'blind')
    GROUP BY a.annotator ORDER BY answers DESC, name LIMIT 50"""

_AGREEMENT = """
    SELECT observed FROM gates WHERE transition = 'annotated' AND expectation LIKE 'agreement %'
    ORDER BY judged_at DESC LIMIT 1"""

_KINDS = """
    SELECT kind, count(*) AS n FROM findings WHERE status = 'open' AND (annotation_id IS NOT NULL OR kind LIKE 'label%')
    GROUP BY kind ORDER BY n DESC, kind"""

_SUSPECTS = """
    SELECT f.sample_id, f.score, f.reason, f.suggestion, a.value
    FROM findings f LEFT JOIN annotations a USING (annotation_id)
    WHERE f.status = 'open' AND f.sample_id IN (SELECT sample_id FROM samples)
    AND (f.annotation_id IS NOT NULL OR f.kind LIKE 'label%')
    QUALIFY row_number() OVER (PARTITION BY f.sample_id ORDER BY f.score DESC, f.finding_id) = 1
    ORDER BY f.score DESC, f.sample_id LIMIT ?"""

_COMPARED = "SELECT sample_id, value FROM labels ORDER BY sample_id LIMIT ?"


def _rows(connection: Any, sql: str, params: list[Any] | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql, params=params or []).to_arrow_table().to_pylist()
    return rows
