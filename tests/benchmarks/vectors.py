"""Made embeddings: clusters of uneven sizes whose variance falls off by dimension, as that of real ones does."""

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 500
SPREAD = 0.7
"""Standard deviation within a cluster, as a share of that between clusters."""


def clustered(count: int, dimensions: int) -> NDArray[np.float32]:
    """(count, dimensions) float32, unit rows; the same each time."""
    chance = np.random.default_rng(0)
    scale = np.arange(1, dimensions + 1, dtype=np.float32) ** -0.5
    centres = chance.standard_normal((CLUSTERS, dimensions), np.float32)
    members = chance.choice(CLUSTERS, count, p=chance.dirichlet(np.full(CLUSTERS, 0.5)))
    rows = (centres[members] + SPREAD * chance.standard_normal((count, dimensions), np.float32)) * scale
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
