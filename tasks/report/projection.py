"""The map of the embeddings: landmarks are laid out once, every other sample is placed among them and never moves."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.report.neighbours import neighbour_distance
from tasks.store import choices, staging, tables
from tasks.store.root import Root

LANDMARKS = 2000
"""Samples that are laid out by t-SNE, which costs seconds once; the others cost a matrix product each."""

FEWEST = 100
"""Fewer embedded samples make no map: what is drawn from them would have to move."""

NEIGHBOURS = 10
"""Landmarks that say where a sample belongs."""

SIDE = 65_000
"""Positions are whole numbers from 0 to SIDE on both axes."""

MARGIN = 0.06
"""Share of the side that is left empty around the landmarks, for what is placed beside them later."""

CHOICE = "map"
"""The recorded choice: which samples are landmarks of which model, since when."""

Vectors = NDArray[np.float32]
Positions = NDArray[np.uint16]


@dataclass(frozen=True)
class Map:
    """Where samples are.

    Attributes:
        ids: the samples.
        positions: (n, 2) uint16 from 0 to SIDE.
        apart: (n,) float32, mean cosine distance to the nearest landmarks.
        landmarks: samples that were laid out; all others were placed among them.
        made_at: when that was.
        made_from: embedded samples that there were then.
    """

    ids: list[str]
    positions: Positions
    apart: Vectors
    landmarks: list[str]
    made_at: str
    made_from: int


def draw_map(root: Root, model: dict[str, Any] | None, ids: list[str], *, anew: bool = False) -> Map | None:
    """Positions of the samples with these ids; None if there are too few to make a map.

    What was placed before is read from `indexes/`, so the cost grows with what is new.

    Args:
        root: where the dataset is.
        model: the recorded model, whose vectors are compared.
        ids: embedded samples, in an order that new samples do not change.
        anew: lay new landmarks out; every point may move.
    """
    dataset = tables.open_table(root, model["table"]) if model else None
    if model is None or dataset is None:
        return None
    recorded = None if anew else choices.recall(root, CHOICE)
    landmarks = _landmarks(root, recorded) if recorded and recorded["model"] == model["name"] else None
    if recorded is None or landmarks is None:
        if len(ids) < FEWEST:
            return None
        landmarks = _laid_out(dataset, ids)
        recorded = _record(root, model["name"], landmarks, len(ids))
    known = _places(root, recorded, landmarks)
    new = _placed(dataset, landmarks, sorted(set(ids) - set(known["sample_id"].to_pylist())))
    places = pa.concat_tables([known, new])
    if len(new):
        staging.write_rows(root, _places_uri(root, recorded), places)
    there = tables.drop_repeated(places, "sample_id")
    found = there.take(pa.compute.index_in(pa.array(ids, pa.string()), there["sample_id"].combine_chunks()).drop_null())
    positions = np.stack([found["x"].to_numpy(), found["y"].to_numpy()], axis=1)
    return Map(
        found["sample_id"].to_pylist(),
        positions,
        found["apart"].to_numpy(),
        landmarks["sample_id"].to_pylist(),
        recorded["made_at"],
        recorded["made_from"],
    )


def places_uri(root: Root) -> str | None:
    """Where the map that was drawn last is kept, as Parquet: sample_id, x and y; None if none was drawn."""
    recorded = choices.recall(root, CHOICE)
    return _places_uri(root, recorded) if recorded else None


def lay_out(vectors: Vectors) -> Positions:
    """(n, 2) positions of unit rows, near where they are alike; the same rows give the same positions.

    Barnes-Hut t-SNE from the two principal components: van der Maaten, "Accelerating t-SNE using Tree-Based
    Algorithms", 2014; Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", 2019.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # its threads wait for each other more than they work
        few = PCA(min(50, *vectors.shape), random_state=0).fit_transform(vectors)
        perplexity = min(30.0, (len(vectors) - 1) / 3)
        flat = TSNE(init="pca", perplexity=perplexity, max_iter=500, angle=0.8, random_state=0).fit_transform(few)
    low, high = flat.min(axis=0), flat.max(axis=0)
    inside = (flat - low) / np.maximum(high - low, 1e-9)
    positions: Positions = np.rint((MARGIN + (1 - 2 * MARGIN) * inside) * SIDE).astype(np.uint16)
    return positions


def place(vectors: Vectors, landmarks: Vectors, positions: Positions) -> Positions:
    """(n, 2) positions of unit rows: among the landmarks that each is most alike, apart from those that lie elsewhere.

    Half of the NEIGHBOURS, the ones nearest to the median of all, are averaged, the more alike the more they weigh:
    a sample between two islands is put on one of them.
    """
    parts = [np.zeros((0, 2), np.uint16)]
    for start in range(0, len(vectors), 4096):
        cosine = vectors[start : start + 4096] @ landmarks.T
        nearest = np.argpartition(-cosine, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        alike = np.take_along_axis(cosine, nearest, axis=1)
        around = positions[nearest].astype(np.float32)
        away = ((around - np.median(around, axis=1, keepdims=True)) ** 2).sum(axis=2)
        agreeing = away <= np.median(away, axis=1, keepdims=True)
        best, worst = alike.max(axis=1, keepdims=True), alike.min(axis=1, keepdims=True)
        weights = agreeing * np.exp(6 * (alike - best) / np.maximum(best - worst, 1e-6))
        weights /= weights.sum(axis=1, keepdims=True)
        parts.append(np.rint((weights[:, :, None] * around).sum(axis=1)).astype(np.uint16))
    return np.concatenate(parts)


def by_chance(ids: Iterable[str]) -> list[str]:
    """Samples in the order of a hash of their ids, which is no order of time or sensor, and always the same."""
    return sorted(ids, key=lambda sample: hashlib.blake2b(sample.encode(), digest_size=8).digest())


def _laid_out(dataset: Any, ids: list[str]) -> pa.Table:
    """Landmarks and their places."""
    rows = tables.lookup(dataset, "sample_id", by_chance(ids)[:LANDMARKS], ["vector"])
    vectors, ids = tables.matrix(rows["vector"]), rows["sample_id"].to_pylist()
    positions = lay_out(vectors)
    columns = {"x": positions[:, 0], "y": positions[:, 1], "apart": neighbour_distance(vectors, ids, vectors, ids)}
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def _placed(dataset: Any, landmarks: pa.Table, ids: list[str]) -> pa.Table:
    anchors, named = tables.matrix(landmarks["vector"]), landmarks["sample_id"].to_pylist()
    positions = np.stack([landmarks["x"].to_numpy(), landmarks["y"].to_numpy()], axis=1)
    parts = [_PLACES.empty_table()]
    for start in range(0, len(ids), 4096):
        rows = tables.lookup(dataset, "sample_id", ids[start : start + 4096], ["vector"])
        vectors = tables.matrix(rows["vector"])
        placed = place(vectors, anchors, positions)
        apart = neighbour_distance(vectors, rows["sample_id"].to_pylist(), anchors, named)
        columns = [rows["sample_id"], placed[:, 0], placed[:, 1], apart]
        parts.append(pa.table(columns, schema=_PLACES))
    return pa.concat_tables(parts)


_PLACES = pa.schema([("sample_id", pa.string()), ("x", pa.uint16()), ("y", pa.uint16()), ("apart", pa.float32())])


def _record(root: Root, model: str, landmarks: pa.Table, count: int) -> dict[str, Any]:
    """Keep the landmarks under a name of their own, and record that name; of several runs the first one settles it."""
    now = datetime.now(UTC)
    name = staging.settings_hash(model, landmarks["sample_id"].to_pylist(), now)
    fresh = {"model": model, "name": name, "made_at": now.isoformat(timespec="minutes"), "made_from": count}
    staging.write_rows(root, _landmarks_uri(root, fresh), landmarks)
    before = choices.recall(root, CHOICE)
    if before is None:
        settled: dict[str, Any] = choices.settle(root, CHOICE, lambda: fresh)
        return settled
    choices.revise(root, CHOICE, fresh, f"map of {before['model']} before")
    return fresh


def _landmarks(root: Root, recorded: dict[str, Any]) -> pa.Table | None:
    return _whole(staging.read_rows(root, _landmarks_uri(root, recorded)))


def _places(root: Root, recorded: dict[str, Any], landmarks: pa.Table) -> pa.Table:
    known = _whole(staging.read_rows(root, _places_uri(root, recorded)))
    return (landmarks if known is None else known).select(_PLACES.names).cast(_PLACES)


def _whole(rows: pa.Table | None) -> pa.Table | None:
    """Rows with all columns, None otherwise: what an older Winnow left is made again."""
    return rows if rows is not None and set(_PLACES.names) <= set(rows.column_names) else None


def _landmarks_uri(root: Root, recorded: dict[str, Any]) -> str:
    return root.at("indexes", f"map-{recorded['name']}-landmarks.parquet")


def _places_uri(root: Root, recorded: dict[str, Any]) -> str:
    return root.at("indexes", f"map-{recorded['name']}.parquet")
