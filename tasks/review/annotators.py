"""How each annotator works: how much, how fast, how well."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from tasks.review.consensus import Panel
from tasks.review.material import Row
from tasks.review.quarrels import alike, reviewed_values


@dataclass(frozen=True)
class Annotator:
    """One annotator.

    Attributes:
        name: who.
        labels: labels of theirs, blind ones too.
        seconds: median of their time for a label; None if nobody measured it.
        quality: share of right answers, as far as other annotators and reviewers tell; None if none tells.
        kappa: mean of Cohen's kappa with each other annotator; None if it cannot be told.
        suspects: labels of theirs that are likely wrong.
        corrected: labels of theirs that a review contradicts.
    """

    name: str
    labels: int
    seconds: float | None
    quality: float | None
    kappa: float | None
    suspects: int
    corrected: int


def annotator_table(rows: Sequence[Row], panel: Panel, suspects: Sequence[str]) -> list[Annotator]:
    """All annotators of labels that people made, those with most labels first.

    Args:
        rows: what was said.
        panel: what they agree on.
        suspects: an entry for every label that is likely wrong: who made it.
    """
    reviewed = reviewed_values(rows)
    made = [row for row in rows if row.origin != "import" and row.status in ("submitted", "blind")]
    labels, doubted = Counter(row.annotator for row in made), Counter(suspects)
    wrong = [row.annotator for row in made if not alike(row.value, reviewed.get(row.sample_id, row.value))]
    table = []
    for name in labels:
        seconds = [row.seconds for row in made if row.annotator == name and row.seconds is not None]
        kappas = [kappa for pair, kappa in panel.kappa.items() if name in pair and kappa is not None]
        table.append(
            Annotator(
                name,
                labels[name],
                median(seconds) if seconds else None,
                panel.quality.get(name),
                mean(kappas) if kappas else None,
                doubted[name],
                wrong.count(name),
            )
        )
    return sorted(table, key=lambda one: (-one.labels, one.name))
