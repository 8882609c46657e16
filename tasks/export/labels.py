"""The current labels of samples, one set for each ontology."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tasks.labels.ontology import Label, Ontology, ontology_names, ontology_versions, read_ontology
from tasks.labels.snapshot import Snapshot
from tasks.labels.values import Value, as_value, classes
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.root import Root


@dataclass(frozen=True)
class Labels:
    """What the view `labels` says of some samples, by sample_id, and the ontology that it says it by."""

    ontology: Ontology
    values: dict[str, Value]


def labels_of(root: Root, samples: pa.ChunkedArray, ontology: str | None) -> list[Labels]:
    """The labels of samples, for the ontology that is named, or for each that has some.

    Raises:
        UsageError: there is no ontology of that name.
    """
    names = ontology_names(root) if ontology is None else [read_ontology(root, ontology).name]
    chosen = pa.table({"sample_id": samples})
    found: dict[str, dict[str, Value]] = {name: {} for name in names}
    for sample_id, name, value in views.connect(root, chosen=chosen).execute(_LABELS).fetchall():
        if name in found:
            found[name][sample_id] = as_value(value)
    return [Labels(_whole(read_ontology(root, name), values), values) for name, values in found.items() if values]


def labels_in(root: Root, snapshot: Snapshot) -> Labels:
    """The labels of a snapshot, as they were when it was made."""
    ontology = ontology_versions(root, snapshot.ontology)[snapshot.ontology_version - 1]
    samples, values = (snapshot.rows[name].to_pylist() for name in ("sample_id", "value"))
    return Labels(ontology, dict(zip(samples, map(as_value, values), strict=True)))


def the_labels(found: Sequence[Labels], form: str) -> Labels:
    """The labels, of the one ontology that has some. Raises UsageError."""
    if not found:
        raise UsageError(f"None of these samples has a label, and {form} holds labels: label some, or import them.")
    if len(found) > 1:
        names = ", ".join(one.ontology.name for one in found)
        raise UsageError(f"These samples have labels of several ontologies: name one with --ontology, of {names}.")
    return found[0]


def _whole(ontology: Ontology, values: dict[str, Value]) -> Ontology:
    """The ontology, and after its classes those of labels that were not carried over to it yet."""
    used = {name for value in values.values() for name in classes(value)}
    late = [Label(name=name) for name in sorted(used - set(ontology.class_names))]
    return ontology.model_copy(update={"classes": [*ontology.classes, *late]}) if late else ontology


_LABELS = "SELECT sample_id, ontology, value FROM labels SEMI JOIN chosen USING (sample_id) ORDER BY sample_id"
"""Of all ontologies."""
