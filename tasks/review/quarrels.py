"""Where labels of one sample contradict each other: consensus rows where annotators agree, doubts where they do not."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import Value, shapes
from tasks.review.agreement import panoptic_quality
from tasks.review.consensus import Panel
from tasks.review.doubts import Doubt
from tasks.review.match import SAME_IOU
from tasks.review.material import Current, Row
from tasks.store.ids import make_id

CONSENSUS = "consensus"
"""Name under which annotators speak as one."""

_RANK = {"consensus": 0, "submitted": 1, "reviewed": 2}
"""Which label was the accepted one when the blind one was made."""


def answers_of(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """What annotators said of each sample: the newest of each, a review that took its place notwithstanding."""
    said: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.status == "submitted" and row.origin in ("human", "oracle"):
            said.setdefault(row.sample_id, {}).setdefault(row.annotator, row)
    return said


def reviewed_values(rows: Sequence[Row]) -> dict[str, Value]:
    """The newest reviewed label of each sample that has one."""
    values: dict[str, Value] = {}
    for row in rows:
        if row.status == "reviewed" and row.stands:
            values.setdefault(row.sample_id, row.value)
    return values


def consensus_rows(panel: Panel, rows: Sequence[Row], ontology: Ontology) -> pa.Table:
    """Rows to write: what annotators agree on and was not written yet; what they do not agree on any more."""
    before = {row.sample_id: row for row in rows if row.status == CONSENSUS and row.stands}
    said = answers_of(rows)
    reviewed = reviewed_values(rows)
    made = []
    for sample in sorted({*before, *panel.verdicts} - set(reviewed)):
        verdict, old = panel.verdicts.get(sample), before.get(sample)
        basis = make_id(*sorted(row.annotation_id for row in said.get(sample, {}).values()))
        replaces = old.annotation_id if old else None
        if verdict and verdict.agreed and not (old and old.value == verdict.value):
            made.append(Annotation(sample, verdict.value, CONSENSUS, None, None, "consensus", replaces, basis))
        if old and not (verdict and verdict.agreed):
            made.append(Annotation(sample, old.value, CONSENSUS, None, None, "discarded", replaces, basis))
    return annotation_rows(made, "human", ontology)


def disagreements(panel: Panel, current: Mapping[str, Current]) -> Iterator[tuple[Current, Doubt]]:
    """A doubt for each sample whose annotators found no quorum, about the label that counts meanwhile.

    The score is the probability that this label is wrong.
    """
    for sample, verdict in panel.verdicts.items():
        if sample in current and not verdict.agreed:
            row = current[sample].row
            score = verdict.doubt.get(row.annotator, 1 - verdict.confidence)
            other = None if verdict.value == row.value else verdict.value
            yield current[sample], Doubt("disagreement", score, verdict.told or "too few say the same", other)


def blind_verdicts(rows: Sequence[Row]) -> dict[str, tuple[Row, Row, bool]]:
    """For each sample with a blind second label: the accepted label, the blind one, and whether the first was right.

    The accepted label is the one that stood before any review. Where the two differ it counts as wrong, unless a
    review upheld it.
    """
    reviewed = reviewed_values(rows)
    by_sample: dict[str, list[Row]] = {}
    for row in rows:
        by_sample.setdefault(row.sample_id, []).append(row)
    found = {}
    for blind in reversed([row for row in rows if row.status == "blind"]):
        others = [
            row for row in by_sample[blind.sample_id] if row.status != "blind" and row.annotator != blind.annotator
        ]
        if others:
            accepted = min(others, key=lambda row: (_RANK[row.status], row.origin == "import"))
            truth = reviewed.get(blind.sample_id, blind.value)
            found[blind.sample_id] = (accepted, blind, alike(accepted.value, truth))
    return found


def blind_doubts(rows: Sequence[Row], current: Mapping[str, Current]) -> Iterator[tuple[Current, Doubt]]:
    """A doubt for each label that counts and that a blind second one contradicts."""
    for sample, (accepted, blind, right) in blind_verdicts(rows).items():
        if not right and sample in current and current[sample].row.annotation_id == accepted.annotation_id:
            told = f"{blind.annotator}, who did not see the label, gave another one"
            yield current[sample], Doubt("disagreement", 0.5, told, blind.value, "blind")


def alike(one: Value, other: Value) -> bool:
    """Whether two labels say the same: the same classes, or the same things at nearly the same places."""
    if shapes(one) or shapes(other):
        return one.get("answer") == other.get("answer") and _same_shapes(shapes(one), shapes(other))
    return {**one, "attributes": None} == {**other, "attributes": None}


def _same_shapes(one: Sequence[Value], other: Sequence[Value]) -> bool:
    return len(one) == len(other) and panoptic_quality(one, other) >= SAME_IOU
