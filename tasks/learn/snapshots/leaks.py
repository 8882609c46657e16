"""Leaks: samples that look the same as one on another side, though nobody recorded that they repeat each other.

What dedupe recorded is never on two sides (see sides.py). This looks again, for what dedupe was told not to find, or
never saw: hashes within the recorded radius, vectors beyond the recorded similarity; both thumbnails have to agree.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.image.phash import BITS, orientations
from tasks.image.witness import Pair, ThumbnailWitness
from tasks.store import choices, tables
from tasks.store.root import Root

RADIUS = 48
"""Bits of 256, before dedupe has calibrated its own."""
SIMILARITY = 0.96
"""Cosine, before dedupe has calibrated its own."""

NEAREST = 3
"""Of the samples on other sides, only so many are looked at for each."""

BLOCK = 1024
"""Pairs whose thumbnails are looked at together."""

LOOK_CLOSELY = 1.5
"""How near samples are that only their vectors tell: beyond 1, so that both pictures are looked at closely."""

Texts = NDArray[np.str_]


def leaks_of(root: Root, ids: list[str], sides: list[str]) -> dict[str, str]:
    """For each sample that leaks, the one on another side that it repeats.

    Test samples are compared with all others by hash, in every orientation, and by vector; validation samples with
    those to train on by hash, upright.

    Args:
        root: where the dataset is.
        ids: n samples.
        sides: of each, train, validation or test.
    """
    pairs = _near_by_hash(root, np.array(ids), np.array(sides)) + _near_by_vector(root, np.array(ids), np.array(sides))
    witness = ThumbnailWitness(root)
    found: dict[str, str] = {}
    for start in range(0, len(pairs), BLOCK):
        part = pairs[start : start + BLOCK]
        witness.prepare(part)
        found |= {one: other for one, other, share in reversed(part) if witness.agrees(one, other, share)}
    return found


def _near_by_hash(root: Root, ids: Texts, sides: Texts) -> list[Pair]:
    import faiss

    radius = (choices.recall(root, "dedupe.perceptual") or {}).get("max_distance", RADIUS)
    rows = _stored(root, "samples", ids, "phash")
    if not rows:
        return []
    known = rows["place"].to_numpy()
    ids, sides = ids[known], sides[known]
    hashes = np.frombuffer(b"".join(rows["phash"].to_pylist()), np.uint8).reshape(len(ids), BITS // 8)
    pairs: list[Pair] = []
    for asked, among, versions in (
        (sides == "test", sides != "test", orientations(hashes[sides == "test"])),
        (sides == "validation", sides == "train", hashes[sides == "validation"][None]),
    ):
        if not asked.any() or not among.any():
            continue
        index = faiss.IndexBinaryFlat(BITS)
        index.add(np.ascontiguousarray(hashes[among]))
        for version in versions:
            bits, entries = index.search(np.ascontiguousarray(version), min(NEAREST, index.ntotal))
            pairs += _pairs(ids[asked], ids[among], entries, bits <= radius, bits / (radius + 0.5))
    return sorted(set(pairs))


def _near_by_vector(root: Root, ids: Texts, sides: Texts) -> list[Pair]:
    import faiss

    model: Any = choices.recall(root, choices.EMBEDDING)
    measure: Any = choices.recall(root, "dedupe.semantic")
    rows = _stored(root, model["table"], ids, "vector") if model else None
    if not rows:
        return []
    settled = measure is not None and measure["model"] == model["name"]
    vectors = tables.matrix(rows["vector"]) - (np.array(measure["mean"], np.float32) if settled else 0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    known = rows["place"].to_numpy()
    asked = sides[known] == "test"
    if asked.all() or not asked.any():
        return []
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors[~asked]))
    cosines, entries = index.search(np.ascontiguousarray(vectors[asked]), min(NEAREST, index.ntotal))
    near = cosines >= (measure["decided"] if settled else SIMILARITY)
    return _pairs(ids[known][asked], ids[known][~asked], entries, near, np.full(near.shape, LOOK_CLOSELY))


def _pairs(ids: Texts, others: Texts, entries: NDArray[np.int64], near: NDArray[np.bool_], share: Any) -> list[Pair]:
    rows, columns = np.nonzero(near)
    found = zip(ids[rows], others[entries[rows, columns]], share[rows, columns], strict=True)
    return [(str(one), str(other), float(how_near)) for one, other, how_near in found]


def _stored(root: Root, table: str, ids: Texts, column: str) -> pa.Table | None:
    """The samples that have something in a column, each with its `place` among `ids`."""
    dataset = tables.open_table(root, table)
    if dataset is None:
        return None
    rows = tables.lookup(dataset, "sample_id", ids.tolist(), [column])
    rows = rows.filter(pc.is_valid(rows[column]))
    return rows.append_column("place", pc.index_in(rows["sample_id"], value_set=pa.array(ids.tolist(), pa.string())))
