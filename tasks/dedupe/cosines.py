"""Compare by embeddings: the nearest samples whose cosine is at least so much."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.dedupe.stars import Near

Vectors = NDArray[np.float32]

NEIGHBOURS = 3
"""Of the samples that are near, only so many are compared: each costs a look, and more than these find hardly more."""


class CosineLook:
    """A look (see stars.Look) that compares unit vectors by their cosine, through faiss."""

    def __init__(self, vectors: Vectors, kept: Any, since: Vectors, least: float) -> None:
        """Look at new samples beside kept ones.

        Args:
            vectors: (n, d) float32 of the new samples, unit rows.
            kept: a faiss index, by inner product, of the samples that are kept already.
            since: (m, d) float32, unit rows: those that are kept and not in the index, which come after it.
            least: cosine from which samples are near.
        """
        import faiss

        self.vectors, self.kept, self.least = vectors, on_gpu(kept), least
        self.fresh = faiss.IndexFlatIP(vectors.shape[1])
        self.fresh.add(since)

    def near_kept(self, start: int, stop: int) -> Near:
        """The nearest of the entries whose cosine is large enough."""
        near: Near = defaultdict(dict)
        for index, first in ((self.kept, 0), (self.fresh, self.kept.ntotal)):
            if index.ntotal:
                similarities, entries = index.search(self.vectors[start:stop], min(NEIGHBOURS, index.ntotal))
                self._note(near, similarities, np.where(entries < 0, -1, entries + first))
        return near

    def near_each_other(self, start: int, stop: int) -> Near:
        """New samples whose cosine is large enough."""
        near: Near = defaultdict(dict)
        block = self.vectors[start:stop]
        similarities = block @ block.T
        np.fill_diagonal(similarities, -np.inf)
        self._note(near, similarities, np.broadcast_to(np.arange(len(block)), similarities.shape))
        return near

    def keep(self, places: Sequence[int]) -> None:
        """Add new samples to what is kept."""
        self.fresh.add(np.ascontiguousarray(self.vectors[list(places)]))

    def _note(self, near: Near, similarities: Vectors, entries: NDArray[np.int64]) -> None:
        """Note what is near, with 1 plus the share of the distance that is allowed, and the distance, 1 - cosine."""
        rows, columns = np.nonzero((similarities >= self.least) & (entries >= 0))
        distances = np.maximum(1 - similarities[rows, columns].astype(np.float64), 0)
        allowed = max(1 - self.least, 1e-6)
        found = zip(rows.tolist(), entries[rows, columns].tolist(), distances.tolist(), strict=True)
        for row, entry, distance in found:
            near[row][entry] = (1 + distance / allowed, distance)


def on_gpu(index: Any) -> Any:
    """The index on the first GPU, if faiss has one; the index as it is, if not."""
    import faiss

    if faiss.get_num_gpus() == 0 or not isinstance(index, faiss.IndexFlat):
        return index
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)


def centred(vectors: Vectors, mean: Vectors) -> Vectors:
    """Vectors less their mean, scaled to length 1: (n, d) float32."""
    less = vectors - mean
    return np.asarray(less / np.maximum(np.linalg.norm(less, axis=1, keepdims=True), 1e-12), np.float32)
