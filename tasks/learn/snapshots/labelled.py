"""What a snapshot can be made of: the current labels of one ontology that a model can learn from."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.labels.ontology import Ontology, ontology_names, read_ontology
from tasks.labels.values import BadLabel, as_text, as_value, classes
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.root import Root


class NotYet(UsageError):
    """There is nothing yet that a model could learn from, or be tested on."""


@dataclass(frozen=True)
class Labelled:
    """The labels of an ontology.

    Attributes:
        ontology: its newest version.
        rows: sample_id, annotation_id, value (as text) and classes of what a model can learn from.
        left_out: labels that it cannot, by why.
        annotations: ids of all labels of samples that are there, in order: what a snapshot rests on.
    """

    ontology: Ontology
    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    annotations: list[str] = field(default_factory=list)

    @property
    def by_class(self) -> Counter[str]:
        """Samples that have each class."""
        return Counter(name for row in self.rows for name in row["classes"])


def labelled_samples(root: Root, ontology: str | None) -> Labelled:
    """The current labels of an ontology; if none is named, of the only one that has some.

    Samples that nobody can label, that are gone, or whose label the newest version does not allow are left out, and of
    classes also those that show none.

    Raises:
        NotYet: there are no labels, or those of several ontologies.
        UsageError: there is no ontology of that name.
    """
    newest = ontology_to_learn(root, ontology)
    found = Labelled(newest)
    for row in views.connect(root).sql(_LABELS, params=[newest.name]).to_arrow_table().to_pylist():
        if row["there"]:
            found.annotations.append(row["annotation_id"])
        why = _take(found, row)
        if why:
            found.left_out[why] += 1
    return found


def annotation_ids(root: Root, ontology: str) -> list[str]:
    """Ids of the current labels of an ontology: the same as `Labelled.annotations`, and no label is looked into."""
    sql = f"SELECT annotation_id FROM ({_LABELS}) WHERE there ORDER BY sample_id"
    return [row[0] for row in views.connect(root).execute(sql, [ontology]).fetchall()]


def ontology_to_learn(root: Root, name: str | None) -> Ontology:
    """The ontology of that name, or the only one that has labels. Raises as `labelled_samples`."""
    return read_ontology(root, name or _the_one_with_labels(root))


def refuse_too_few(found: Labelled) -> None:
    """Raise NotYet unless there is something to tell apart: two classes, and as many samples as classes."""
    ontology, used = found.ontology, found.by_class
    if not found.rows:
        told = "; ".join(f"{number} {why}" for why, number in sorted(found.left_out.items()))
        raise NotYet(
            f"No sample has a label of {ontology.name} that a model can learn from{f' ({told})' if told else ''}: "
            "label some, or import labels."
        )
    if ontology.type == "class" and len(used) < 2:
        raise NotYet(
            f"All {len(found.rows)} labels of {ontology.name} are {next(iter(used))!r}: a model needs two classes to "
            "tell apart. Label samples of another one."
        )
    if ontology.type in ("class", "multilabel") and len(found.rows) < len(ontology.classes):
        raise NotYet(
            f"{ontology.name} has {len(ontology.classes)} classes, and only {len(found.rows)} samples have a label: "
            "label at least as many samples as there are classes."
        )


def _the_one_with_labels(root: Root) -> str:
    rows = views.connect(root).execute("SELECT DISTINCT ontology FROM labels").fetchall()
    names: list[str] = sorted({row[0] for row in rows} & set(ontology_names(root)))
    if not names:
        raise NotYet("No sample has a label yet: label some, or `winnow labels import` brings labels in.")
    if len(names) > 1:
        raise NotYet(f"There are labels of several ontologies: name one as learn.ontology, of {', '.join(names)}.")
    return names[0]


def _take(found: Labelled, row: dict[str, Any]) -> str | None:
    """Add a row, or say why not."""
    if not row["there"]:
        return "of samples that were given up"
    try:
        value = found.ontology.conform(as_value(row["value"]))
    except BadLabel:
        return "that the ontology no longer allows"
    answer = value.get("answer")
    if answer == "unusable":
        return "unusable"
    if answer == "empty" and found.ontology.type == "class":
        return "empty"
    told = {"value": as_text(value), "classes": tuple(sorted(set(classes(value))))}
    found.rows.append({"sample_id": row["sample_id"], "annotation_id": row["annotation_id"], **told})
    return None


_LABELS = """
    SELECT sample_id, annotation_id, value, sample_id IN (SELECT sample_id FROM samples) AS there
    FROM labels WHERE ontology = ? ORDER BY sample_id"""
