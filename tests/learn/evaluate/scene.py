"""A root with samples, vectors, labels and a snapshot, and probes that are trained on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.gate.judge import Verdict, judge
from tasks.gate.settings import GateSettings
from tasks.labels.probe import fit_probe
from tasks.labels.snapshot import MANIFEST, Snapshot, write_manifest
from tasks.labels.values import Value, as_text
from tasks.learn.evaluate.evaluate import evaluate_model
from tasks.learn.models.file import PREDICTED, ModelConfig, read_evaluation, save_model
from tasks.learn.settings import LearnSettings
from tasks.store import staging
from tasks.store.commit import Resolved, commit, write
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import SAMPLES, SNAPSHOTS
from tasks.store.staging import Staged
from tests.review.conftest import Bench

NAMES = ("dress", "pants", "skirt")
SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class Scene:
    """What the tests look at: n samples, their classes and sides, and what they look like."""

    bench: Bench
    snapshot: Snapshot
    label: np.ndarray
    vectors: np.ndarray
    side: np.ndarray

    @property
    def root(self) -> Root:
        """Of all of it."""
        return self.bench.root

    def train(self, version: str, labels: np.ndarray | None = None, classes: Sequence[str] = NAMES) -> ModelConfig:
        """A probe of the train side, on file with what it predicts of all sides."""
        label, seen = self.label if labels is None else labels, self.side == "train"
        probe = fit_probe(self.vectors[seen], label[seen], len(NAMES))
        shares = probe.probabilities(self.vectors)[:, [NAMES.index(name) for name in classes]]
        values: list[Value] = [
            {"probabilities": dict(zip(classes, map(float, row / row.sum()), strict=True))} for row in shares
        ]
        rows = [NAMES.index(name) for name in classes]
        tensors = {"weights": probe.weights[rows], "bias": probe.bias[rows]}
        return self.save(version, values, tensors=tensors, classes=classes, embedding="made")

    def save(
        self,
        version: str,
        values: Sequence[Value],
        kind: str = "probe",
        tensors: Mapping[str, np.ndarray] | None = None,
        **more: object,
    ) -> ModelConfig:
        """A model on file, by what it predicts of every sample."""
        stated = {
            "version": version, "kind": kind, "label_type": self.snapshot.label_type, "classes": self.snapshot.classes,
            "ontology": self.snapshot.ontology, "ontology_version": 1, "snapshot": self.snapshot.name,
            "snapshot_hash": self.snapshot.hash, "test_hash": self.snapshot.test_hash, **more,
        }  # fmt: skip
        config = ModelConfig.model_validate(stated)
        rows = self.snapshot.rows
        said = pa.table([rows["sample_id"], rows["side"], [as_text(value) for value in values]], schema=PREDICTED)
        save_model(self.root, config, tensors or {}, said)
        return config

    def promote(self, version: str) -> None:
        """What the flow does once the gate let a model through."""
        commit(self.root, version, "train", lambda log: Resolved([], {}))


def clothing(root: Root, rows: int = 300, spread: float = 1.6, darken: bool = False) -> Scene:
    """Samples of three classes; `darken`: of the skirts to test on, most are dark and look like pants.

    Every second sample is of camera cam-1, the others of cam-2.
    """
    chance = np.random.default_rng(7)
    label, place = np.arange(rows) % 3, np.arange(rows)
    side = np.array(SIDES)[np.digitize(chance.permutation(rows) / rows, [0.4, 0.6])]
    centres = np.random.default_rng(8).normal(size=(3, 16))
    vectors = centres[label] + spread * chance.normal(size=(rows, 16))
    brightness = chance.uniform(0.4, 0.6, rows)
    dark = (label == 2) & (side == "test") & (place // 2 % 2 == 0) if darken else np.zeros(rows, bool)
    brightness[dark] -= 0.35
    vectors[dark] = centres[1] + spread * chance.normal(size=(int(dark.sum()), 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    names = [f"s{number:04d}" for number in range(rows)]
    bench = Bench(root, type="class", classes=list(NAMES))
    columns = [
        {"brightness": float(light), "sensor_id": f"cam-{number % 2 + 1}", "metadata": f'{{"site":"{number % 3}"}}'}
        for number, light in enumerate(brightness)
    ]
    take_in(bench, names, columns)
    bench.embed(dict(zip(names, vectors, strict=True)))
    values = [{"class": NAMES[code]} for code in label]
    return Scene(bench, snapshot_of(bench, names, values, side.tolist()), label, vectors, side)


def take_in(bench: Bench, names: Sequence[str], columns: Sequence[dict[str, object]]) -> None:
    """Samples, each with columns of its own."""
    bench.take_in([])
    rows = [
        {"sample_id": name, "uri": f"file:///{name}.jpg", "width": 100, "height": 80, "batch_id": "batch-1", **more}
        for name, more in zip(names, columns, strict=True)
    ]
    write(bench.root, SAMPLES.name, pa.Table.from_pylist(rows, schema=SAMPLES.schema))


def snapshot_of(
    bench: Bench,
    names: Sequence[str],
    values: Sequence[Value],
    sides: Sequence[str],
    group: Callable[[int], str] = lambda place: f"g{place}",
    name: str = "snapshot-1",
) -> Snapshot:
    """Label the samples and commit a snapshot of them."""
    ids = bench.say("ann", dict(zip(names, values, strict=True)))
    rows = [
        {"sample_id": sample, "annotation_id": ids[place], "value": as_text(value), "side": side, "group": group(place)}
        for place, (sample, value, side) in enumerate(zip(names, values, sides, strict=True))
    ]
    ontology = bench.ontology
    snapshot = Snapshot(
        name, ontology.name, ontology.version, ontology.type, tuple(ontology.class_names), None,
        pa.Table.from_pylist(rows, schema=MANIFEST),
    )  # fmt: skip
    row = {"name": name, "manifest_uri": write_manifest(bench.root, snapshot), "manifest_hash": snapshot.hash}
    made = pa.Table.from_pylist([{**row, "created_at": datetime.now(UTC)}], schema=SNAPSHOTS.schema)
    record(bench.root, lambda log: Event(name, "planned", "snapshot"))
    commit(bench.root, name, "snapshot", lambda log: Resolved([(SNAPSHOTS, made)], {}))
    return snapshot


def evaluate(scene: Scene, version: str, **settings: Any) -> tuple[Staged, dict[str, Any]]:
    """Evaluate a model: what is staged for the gate, and what is on file."""
    asked = LearnSettings.model_validate({"evaluate": {"resamples": 200, **settings}})
    staged = evaluate_model.fn(scene.root.uri, scene.snapshot.name, version, asked)
    return staged, read_evaluation(scene.root, version) or {}


def gate(scene: Scene, staged: Staged) -> Verdict:
    """What gate `trained` says of it."""
    return judge.fn(scene.root.uri, staged, "trained", GateSettings())


def findings(scene: Scene, staged: Staged) -> list[dict[str, Any]]:
    """The findings that are staged."""
    (rows,) = staging.read_all(scene.root, [staged.rows_uri])
    found: list[dict[str, Any]] = rows.to_pylist()
    return found
