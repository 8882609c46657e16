"""TypiClust, a peer of selection by typicality: Hacohen et al., "Active Learning on a Budget", 2022."""

import numpy as np

MOST_CLUSTERS, SMALLEST, NEIGHBOURS = 500, 5, 20


def typiclust(vectors: np.ndarray, chosen: list[int], budget: int, seed: int) -> list[int]:
    """Rows to pick next: the most typical one of the largest cluster with the fewest chosen, again and again.

    Args:
        vectors: (n, d) float32, unit rows.
        chosen: rows that are chosen already.
        budget: picks.
        seed: of the clustering.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    kinds = min(len(chosen) + budget, MOST_CLUSTERS, len(vectors))
    method = KMeans(kinds, n_init=1, random_state=seed) if kinds <= 50 else MiniBatchKMeans(kinds, random_state=seed)
    cluster = method.fit_predict(vectors)
    typicality = _typicality(vectors, cluster)
    taken = np.zeros(len(vectors), bool)
    taken[chosen] = True
    picks: list[int] = []
    sizes = np.bincount(cluster, minlength=kinds)
    while len(picks) < min(budget, len(vectors) - len(chosen)):
        counts = np.bincount(cluster[taken], minlength=kinds)
        open_ones = np.flatnonzero(counts < sizes)
        large = open_ones[sizes[open_ones] > SMALLEST]
        among = large if len(large) else open_ones
        best = min(among, key=lambda one: (counts[one], -sizes[one]))
        members = np.flatnonzero((cluster == best) & ~taken)
        picks.append(int(members[typicality[members].argmax()]))
        taken[picks[-1]] = True
    return picks


def _typicality(vectors: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """1 / mean distance to the nearest neighbours within the cluster."""
    found = np.zeros(len(vectors))
    for one in np.unique(cluster):
        members = np.flatnonzero(cluster == one)
        distances = np.sqrt(np.maximum(0, 2 - 2 * vectors[members] @ vectors[members].T))
        nearest = np.sort(distances, axis=1)[:, 1 : 1 + min(NEIGHBOURS, max(1, len(members) // 2))]
        found[members] = 1 / (nearest.mean(axis=1) + 1e-5) if len(members) > 1 else 1.0
    return found
