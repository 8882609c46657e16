"""Roots to learn in, written straight into their tables: pictures whose colour is their class, vectors, a snapshot."""

import functools
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.image.thumbnail import encode
from tasks.labels.snapshot import MANIFEST, Snapshot, write_manifest
from tasks.labels.values import LabelType, as_text
from tasks.store import choices, tables
from tasks.store.commit import Resolved, commit
from tasks.store.log import Event, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SAMPLES, SNAPSHOTS
from tasks.store.schema_vectors import embeddings

CLASSES = ("red", "green", "blue")
DIMENSIONS = 8
MODEL = "made_1"
SIDES = ("train", "train", "train", "validation", "test")


def made_root(place: Path, count: int, label_type: LabelType = "class", checkpoint: Path | None = None) -> Root:
    """A root with `count` samples and their snapshot `s1`; every fifth is on the test side.

    Args:
        place: folder of the root.
        count: samples.
        label_type: class, multilabel or boxes.
        checkpoint: weights of the backbone that the root has, by its name before the first dot.
    """
    root = open_root(place, create=True)
    root.storage.write(root.at("mlflow", "mlflow.db"), _empty_mlflow())
    draw = np.random.default_rng(0)
    codes = [number % len(CLASSES) for number in range(count)]
    ids = [f"s-{number:03d}" for number in range(count)]
    pictures = [picture(draw, code) for code in codes]
    insert_samples(root, ids, [pixels for pixels, _ in pictures])
    _insert_vectors(root, ids, codes, draw)
    architecture = checkpoint.name.partition(".")[0] if checkpoint else None
    choice = {"name": MODEL, "table": f"embeddings_{MODEL}", "dimensions": DIMENSIONS, "architecture": architecture}
    choices.settle(root, "embed.model", lambda: {**choice, "checkpoint": str(checkpoint) if checkpoint else None})
    values = [_LABELS[label_type](code, box) for code, (_, box) in zip(codes, pictures, strict=True)]
    make_snapshot(root, "s1", ids, values, label_type)
    return root


def picture(draw: np.random.Generator, code: int) -> tuple[np.ndarray, dict[str, float]]:
    """A grey picture of 96 x 64 pixels with one square in the colour of its class, and where that is."""
    pixels = draw.integers(90, 160, (64, 96, 3), dtype=np.uint8)
    size = int(draw.integers(24, 40))
    left, top = int(draw.integers(8, 88 - size)), int(draw.integers(0, 64 - size))
    pixels[top : top + size, left : left + size] = np.eye(3, dtype=np.uint8)[code] * 255
    return pixels, {"x": left, "y": top, "width": size, "height": size}


def insert_samples(root: Root, ids: list[str], pictures: list[np.ndarray]) -> None:
    """Rows of `samples` whose originals are twice as large as their thumbnails."""
    rows = [
        {
            "sample_id": one, "uri": f"file:///gone/{one}.jpg", "media": "image", "batch_id": "b",
            "thumbnail": encode(pixels), "width": 2 * pixels.shape[1], "height": 2 * pixels.shape[0],
        }
        for one, pixels in zip(ids, pictures, strict=True)
    ]  # fmt: skip
    made = pa.Table.from_pylist(rows, schema=SAMPLES.schema)
    record(root, lambda log: Event("b", "planned", "ingest", counts={"objects": len(rows)}))
    commit(root, "b", "ingest", lambda log: Resolved([(SAMPLES, made)], {}))


def make_snapshot(
    root: Root, name: str, ids: list[str], values: list[dict[str, Any]], label_type: LabelType
) -> Snapshot:
    """Commit a snapshot of these labels."""
    rows = [
        {"sample_id": one, "annotation_id": one, "value": as_text(value), "side": SIDES[place % 5], "group": one}
        for place, (one, value) in enumerate(zip(ids, values, strict=True))
    ]
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    snapshot = Snapshot(name, "colours", 1, label_type, CLASSES, None, table)
    row = {"name": name, "manifest_uri": write_manifest(root, snapshot), "manifest_hash": snapshot.hash}
    row["created_at"] = datetime.now(UTC)
    record(root, lambda log: Event(name, "planned", "snapshot"))
    made = pa.Table.from_pylist([row], schema=SNAPSHOTS.schema)
    commit(root, name, "snapshot", lambda log: Resolved([(SNAPSHOTS, made)], {}))
    return snapshot


def likeliest(value: str) -> str:
    """The class that a stored prediction finds likeliest."""
    shares: dict[str, float] = json.loads(value)["probabilities"]
    return max(shares, key=lambda name: shares[name])


@functools.cache
def _empty_mlflow() -> bytes:
    """A database of MLflow as it is before the first run: what takes it many seconds to make for each root."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "mlflow.db")
        MlflowClient(f"sqlite:///{place}", f"sqlite:///{place}").search_registered_models()
        MlflowClient(f"sqlite:///{place}").search_experiments()
        return place.read_bytes()


def _insert_vectors(root: Root, ids: list[str], codes: list[int], draw: np.random.Generator) -> None:
    vectors = np.eye(DIMENSIONS)[codes] + 0.3 * draw.normal(size=(len(ids), DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = embeddings(MODEL, DIMENSIONS)
    flat = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    columns = [ids, pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS), [MODEL] * len(ids), ["b"] * len(ids)]
    tables.insert(root, table, pa.table(columns, schema=table.schema))


_LABELS: dict[str, Callable[[int, dict[str, float]], dict[str, Any]]] = {
    "class": lambda code, box: {"class": CLASSES[code]},
    "multilabel": lambda code, box: {"classes": sorted({CLASSES[code], CLASSES[0]})} if code else {"answer": "empty"},
    "boxes": lambda code, box: {"boxes": [{"class": CLASSES[code], **{name: 2.0 * at for name, at in box.items()}}]},
}
