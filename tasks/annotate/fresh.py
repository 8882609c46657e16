"""Which answers are new: neither in the tables, nor in a round that somebody has to decide on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tasks.annotate.backend import Answer, Backend
from tasks.labels.change import conform_or_carry
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, Status
from tasks.labels.values import BadLabel, as_text, as_value
from tasks.progress import advance
from tasks.store import staging, views
from tasks.store.ids import make_id
from tasks.store.log import read_log
from tasks.store.root import Root

STAGE = "label"
"""Stage of a round of labels in the log."""

_STATUS: dict[str, Status] = {"review": "reviewed", "blind": "blind"}
"""What an answer is worth by the purpose of its task; `submitted` otherwise."""


class Fresh:
    """Tells answers that are new from those that are in the tables, or in a round that somebody has to decide on."""

    def __init__(self, root: Root, ontology: Ontology, place: Backend) -> None:
        self.root, self.ontology, self.place = root, ontology, place
        known = _known(root, ontology, place.origin)
        self.seen = {row["reference"] for row in known}
        self.current = {_bare(row["reference"]): row for row in known if row["stands"]}
        self.samples = set[str]()
        self.told = _told(root)
        self.doubted = _doubted(root, ontology)

    def unknown(self) -> Iterator[Answer]:
        """Answers that are to be written, the oldest first for each reference."""
        for answer in self.place.collect(self.ontology, _since(self.root)):
            known = self.current.get(answer.reference)
            same = known is not None and answer.value is not None and as_text(answer.value) == known["value"]
            if _stamped(answer) not in self.seen and _trouble_id(answer) not in self.told and not same:
                yield answer

    def answers(self) -> tuple[list[Annotation], list[dict[str, Any]]]:
        """Annotations to write, and findings about answers that are none."""
        newest: dict[str, Answer] = {}
        for answer in self.unknown():
            known = newest.get(answer.reference)
            if known is None or known.changed_at <= answer.changed_at:
                newest[answer.reference] = answer
            advance("collect", 1)
        self.samples = _samples_among(self.root, {answer.sample_id for answer in newest.values()})
        made, troubles = [], []
        for answer in newest.values():
            try:
                made.append(self._annotation(answer))
                wrong = answer.trouble
            except BadLabel as error:
                wrong = str(error)
            if wrong:
                troubles.append(_trouble(answer, wrong))
        return self._that_change(made), troubles

    def deleted(self) -> list[Annotation]:
        """Annotations whose answers are not there any more."""
        gone = self.place.deleted(self.ontology, set(self.current))
        return [_as_deleted(self.current[reference]) for reference in sorted(gone)]

    def _annotation(self, answer: Answer) -> Annotation:
        if answer.value is None:
            raise BadLabel(answer.trouble or "it is empty")
        if answer.sample_id not in self.samples:
            raise BadLabel("there is no such sample")
        known = self.current.get(answer.reference)
        replaced = known["annotation_id"] if known else None
        if answer.purpose == "review":
            replaced = self.doubted.get(answer.sample_id, replaced)
        return Annotation(
            answer.sample_id,
            conform_or_carry(self.root, self.ontology, answer.value),
            answer.annotator,
            answer.changed_at,
            answer.seconds,
            _STATUS.get(answer.purpose, "submitted"),
            replaced,
            _stamped(answer),
        )

    def _that_change(self, made: list[Annotation]) -> list[Annotation]:
        """Without those that say, in their canonical form, what their own annotator said before."""
        known = {row["annotation_id"]: row["value"] for row in self.current.values()}
        return [one for one in made if one.status == "reviewed" or known.get(one.replaces or "") != as_text(one.value)]


def _doubted(root: Root, ontology: Ontology) -> dict[str, str]:
    """By sample, the annotation about which there is an open doubt: what a reviewer says takes its place."""
    sql = """SELECT f.sample_id, f.annotation_id FROM findings f JOIN annotations a USING (annotation_id)
        WHERE f.status = 'open' AND a.ontology = ? ORDER BY f.score, f.finding_id DESC"""
    return dict(views.connect(root).execute(sql, [ontology.name]).fetchall())


def _told(root: Root) -> set[str]:
    """Findings of answers that were no labels."""
    rows = views.connect(root).execute("SELECT finding_id FROM findings WHERE kind = 'label_invalid'")
    return {row[0] for row in rows.fetchall()}


def _known(root: Root, ontology: Ontology, origin: str) -> list[dict[str, Any]]:
    """Annotations that came from people: in the tables, and in rounds that are held."""
    sql = """SELECT annotation_id, sample_id, annotator, value, reference, status,
        annotation_id IN (SELECT annotation_id FROM standing) AS stands
        FROM annotations WHERE ontology = ? AND origin = ? AND reference IS NOT NULL"""
    rows = views.connect(root).sql(sql, params=[ontology.name, origin]).to_arrow_table().to_pylist()
    waiting = _waiting(root)
    replaced = {row["replaces"] for row in waiting}
    stands = [{**row, "stands": row["stands"] and row["annotation_id"] not in replaced} for row in rows]
    return stands + [
        {**row, "stands": row["status"] != "deleted"} for row in waiting if row["ontology"] == ontology.name
    ]


def _waiting(root: Root) -> list[dict[str, Any]]:
    """Annotations of rounds that are not committed."""
    rows: list[dict[str, Any]] = []
    for batch in read_log(root).open_batches:
        if batch.planned.stage == STAGE:
            staged = staging.read_rows(root, root.uri + batch.planned.counts["answers_uri"])
            rows += staged.to_pylist() if staged else []
    return rows


def _as_deleted(row: dict[str, Any]) -> Annotation:
    reference = f"{_bare(row['reference'])}@deleted"
    return Annotation(
        row["sample_id"],
        as_value(row["value"]),
        row["annotator"],
        status="deleted",
        replaces=row["annotation_id"],
        reference=reference,
    )


def _trouble(answer: Answer, why: str) -> dict[str, Any]:
    return {
        "finding_id": _trouble_id(answer),
        "sample_id": answer.sample_id or None,
        "kind": "label_invalid",
        "score": 1.0,
        "reason": f"{answer.annotator}: {why}"[:500],
        "suggestion": None,
        "status": "open",
        "created_at": datetime.now(UTC),
    }


def _trouble_id(answer: Answer) -> str:
    return make_id(answer.sample_id, "label_invalid", _stamped(answer))


def _samples_among(root: Root, ids: set[str]) -> set[str]:
    asked = pa.table({"sample_id": pa.array(sorted(ids), pa.string())})
    found = views.connect(root, asked=asked).sql("SELECT sample_id FROM asked SEMI JOIN samples USING (sample_id)")
    return set(found.to_arrow_table()["sample_id"].to_pylist())


def _stamped(answer: Answer) -> str:
    return f"{answer.reference}@{answer.changed_at.isoformat()}"


def _bare(reference: str) -> str:
    return reference.rpartition("@")[0]


def _since(root: Root) -> datetime | None:
    """From when on answers may be new: the newest answer of a round that is settled; places overlap as they need."""
    rounds = [batch for batch in read_log(root).batches.values() if batch.planned.stage == STAGE]
    ends = [batch.planned.counts["until"] for batch in rounds if batch.next_stage is None]
    return max((datetime.fromisoformat(end) for end in ends if end), default=None)
