"""Review the labels of an ontology: agreement, consensus, and a ranked list of what is likely wrong."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.labels.ontology import Ontology, read_ontology
from tasks.labels.values import shapes
from tasks.review.agreement import shape_agreement
from tasks.review.annotators import Annotator, annotator_table
from tasks.review.blind import ErrorRate, error_rate
from tasks.review.consensus import Panel, find_consensus
from tasks.review.doubts import Doubt, finding_rows
from tasks.review.drawn import broken_labels, contradicted_boxes
from tasks.review.material import Current, Material, Row, read_current, read_rows
from tasks.review.quarrels import (
    answers_of,
    blind_doubts,
    blind_verdicts,
    consensus_rows,
    disagreements,
    reviewed_values,
)
from tasks.review.settings import ReviewSettings
from tasks.review.suspects import Suspects, doubted_classes
from tasks.store import staging
from tasks.store.root import Root, open_root
from tasks.unit import unit


@dataclass(frozen=True)
class Reviewed:
    """What a review found.

    Attributes:
        ontology: whose labels.
        version: of the ontology.
        consensus_uri: staged rows of `annotations`: what annotators agree on and was not written yet.
        findings_uri: staged rows of `findings`.
        labels: samples that have a label.
        consensus: rows of consensus.
        findings: doubts by kind, those that were found before too.
        shared: samples that two or more annotators labelled.
        alpha: Krippendorff's alpha of them; None where nobody can tell.
        shape_agreement: mean panoptic quality of two annotators' shapes, 0 to 1; None without any.
        scored: labels that a probe or a model looked at.
        suspects: of them, those that are likely wrong.
        blind: how many labels are wrong, by blind second labels.
        annotators: those with most labels first.
    """

    ontology: str
    version: int
    consensus_uri: str
    findings_uri: str
    labels: int
    consensus: int
    findings: dict[str, int]
    shared: int
    alpha: float | None
    shape_agreement: float | None
    scored: int
    suspects: int
    blind: ErrorRate
    annotators: list[Annotator]

    @property
    def suspect_share(self) -> float | None:
        """Share of the labels looked at that are likely wrong; None if none was looked at."""
        return self.suspects / self.scored if self.scored else None


@unit("review labels")
def review_labels(root: str, ontology: str, fresh: str | None, to: str, settings: ReviewSettings) -> Reviewed:
    """Review the labels of an ontology and stage what comes of it.

    Args:
        root: URI of the root.
        ontology: its name.
        fresh: URI of staged rows of `annotations` that are judged as if they were committed.
        to: URI of the folder that gets `consensus.parquet` and `findings.parquet`.
        settings: of review.

    Raises:
        UsageError: there is no ontology of that name.
        StagedAwayError: the staged rows are missing or damaged.
    """
    opened = open_root(root)
    newest = read_ontology(opened, ontology)
    staged = _staged(opened, fresh)
    rows = read_rows(opened, newest, staged)
    panel = agreed(rows, newest, settings)
    consensus = consensus_rows(panel, rows, newest)
    material = read_current(opened, newest, [*staged, consensus])
    found = doubted(rows, panel, material, settings)
    findings = finding_rows((one.row.sample_id, one.row.annotation_id, doubt) for one, doubt in found.doubts)
    uris = [f"{to.rstrip('/')}/{name}.parquet" for name in ("consensus", "findings")]
    for uri, table in zip(uris, (consensus, findings), strict=True):
        staging.write_rows(opened, uri, table)
    return Reviewed(
        newest.name,
        newest.version,
        uris[0],
        uris[1],
        labels=len(material.current),
        consensus=len(consensus),
        findings=dict(Counter(findings["kind"].to_pylist())),
        shared=panel.shared,
        alpha=panel.alpha,
        shape_agreement=_shape_agreement(rows) if newest.type in ("boxes", "masks") else None,
        scored=found.suspects.scored,
        suspects=len(found.suspects.annotators),
        blind=error_rate(right for _, _, right in blind_verdicts(rows).values()),
        annotators=annotator_table(rows, panel, found.suspects.annotators),
    )


@dataclass(frozen=True)
class Found:
    """Doubts about labels that count; and among them what probe and model say."""

    doubts: Sequence[tuple[Current, Doubt]]
    suspects: Suspects


def agreed(rows: Sequence[Row], ontology: Ontology, settings: ReviewSettings) -> Panel:
    """What annotators agree on."""
    answers = {sample: {name: row.value for name, row in said.items()} for sample, said in answers_of(rows).items()}
    return find_consensus(answers, reviewed_values(rows), ontology.type, settings)


def doubted(rows: Sequence[Row], panel: Panel, material: Material, settings: ReviewSettings) -> Found:
    """All doubts about the labels that count; none about a label that a reviewer kept."""
    current = {one.row.sample_id: one for one in material.current}
    if material.ontology.type in ("class", "multilabel"):
        suspects = doubted_classes(material, settings)
    else:
        suspects = contradicted_boxes(material, settings)
    found = itertools.chain(
        disagreements(panel, current), blind_doubts(rows, current), suspects.doubts, broken_labels(material, settings)
    )
    doubts = [(one, doubt) for one, doubt in found if not one.kept]
    return Found(doubts, suspects)


def _staged(root: Root, fresh: str | None) -> list[pa.Table]:
    return [] if fresh is None else list(staging.read_all(root, [fresh]))


def _shape_agreement(rows: Sequence[Row]) -> float | None:
    """Mean over the samples that several annotators drew in."""
    drawn = [
        {name: shapes(row.value) for name, row in said.items() if row.value.get("answer") != "unusable"}
        for said in answers_of(rows).values()
    ]
    figures = [figure for figure in map(shape_agreement, drawn) if figure is not None]
    return sum(figures) / len(figures) if figures else None
