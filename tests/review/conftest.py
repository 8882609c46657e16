"""A root whose samples, vectors and labels are written as the stages write them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, Origin, annotation_rows
from tasks.labels.values import Value, as_text
from tasks.store import choices, tables, views
from tasks.store.commit import write
from tasks.store.ids import make_id
from tasks.store.log import Event, append, read_log
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS, PREDICTIONS, SAMPLES
from tasks.store.schema_vectors import embeddings

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Bench:
    """Puts labels, samples, vectors and predictions into a root."""

    def __init__(self, root: Root, **stated: Any) -> None:
        self.root = root
        self.ontology = apply_ontology(root, Ontology.model_validate({"name": "things", **stated})).ontology

    def say(self, annotator: str, values: Mapping[str, Value], origin: Origin = "human", **more: Any) -> list[str]:
        """Annotate samples; the annotations' ids."""
        made = [Annotation(sample, value, annotator, **more) for sample, value in values.items()]
        write(self.root, ANNOTATIONS.name, annotation_rows(made, origin, self.ontology))
        return [one.id(origin, self.ontology) for one in made]

    def take_in(self, samples: Iterable[str], **columns: Any) -> None:
        """Samples of 100 x 80 pixels, as ingest commits them."""
        for event in ("planned", "committing", "committed"):
            assert append(self.root, read_log(self.root), Event("batch-1", event, "ingest"))
        plain = {"width": 100, "height": 80, "batch_id": "batch-1", "metadata": "{}", **columns}
        rows = [{"sample_id": sample, "uri": f"file:///{sample}.jpg", **plain} for sample in samples]
        write(self.root, SAMPLES.name, pa.Table.from_pylist(rows, schema=SAMPLES.schema))

    def embed(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Vectors of samples, by the recorded model of the root."""
        table = embeddings("made", len(next(iter(vectors.values()))))
        rows = [
            {"sample_id": sample, "vector": vector.astype(np.float16), "model": "made", "batch_id": "batch-1"}
            for sample, vector in vectors.items()
        ]
        tables.insert(self.root, table, pa.Table.from_pylist(rows, schema=table.schema))
        choices.settle(self.root, "embed.model", lambda: {"name": "made", "table": table.name})

    def predict(self, values: Mapping[str, Value], model: str = "m1") -> None:
        """Predictions of a model."""
        rows = [
            {
                "prediction_id": make_id(sample, model),
                "sample_id": sample,
                "model_version": model,
                "value": as_text(one),
            }
            for sample, one in values.items()
        ]
        write(self.root, PREDICTIONS.name, pa.Table.from_pylist(rows, schema=PREDICTIONS.schema))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a query gives."""
        found: list[dict[str, Any]] = views.query(self.root, sql).to_pylist()
        return found


@pytest.fixture
def classes(root: Root) -> Bench:
    """A root with an ontology of classes."""
    return Bench(root, type="class", classes=["dress", "skirt", "pants"])


@pytest.fixture
def boxes(root: Root) -> Bench:
    """A root with an ontology of boxes."""
    return Bench(root, type="boxes", classes=["dog", "cat"])
