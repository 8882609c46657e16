"""`default`: what stands for the most of the pool; once there are labels, of what a probe on them is unsure of."""

import numpy as np
from numpy.typing import NDArray

from tasks.labels.probe import Probe, fit_probe
from tasks.labels.values import as_value
from tasks.select.coverage import Covering, reference_of, similarity
from tasks.select.greedy import Term
from tasks.select.parts import Parts
from tasks.select.pool import Pool
from tasks.select.random_draw import Random
from tasks.select.strength import Strength
from tasks.select.vectors import Vectors
from tasks.store.settings import StrictModel

RADIUS = 1.0
"""Of coverage without labels, a distance of unit vectors; later it only shrinks."""

SHRINK = 0.85
"""Share of the median distance of what is chosen to its nearest neighbour that becomes the radius."""

TRUST = 0.3
"""Of the way from guessing the commonest class to being always right, how far a probe has to get for the vectors to be
trusted entirely."""

EVENED = 0.5
"""Without labels a sample counts as 1 / density to this power: a common kind by the root of how often it comes."""

MARGIN = "predictions.margin"

MOST_LABELS = 5000
"""A probe is fitted on so many labels at most, a seeded draw of them."""


class Default(StrictModel):
    """Coverage; with labels, of what is uncertain, drawn towards random where vectors tell little of the labels.

    Without labels what is common counts by the square root of how often it comes, so that the first labels find rare
    kinds too; as tags are sampled by Mahajan et al., "Exploring the Limits of Weakly Supervised Pretraining", 2018.

    Uncertainty Herding: Bae, Oliveira and Sutherland, "Uncertainty Herding: One Active Learning Method for All Label
    Budgets", 2025. Uncertainty is 1 - margin of a calibrated linear probe on the labels so far. The radius shrinks with
    the distances among what is chosen: with their median, which one pair of near-copies does not ruin. With labels
    vectors are centred first, since what all have in common makes everything look alike; without any it is coverage.
    """

    strength: Strength = 1.0

    def terms(self, pool: Pool) -> list[Term]:
        """The share of the uncertain pool that a candidate newly covers, and chance as far as that tells nothing."""
        weights, trust = _uncertainty(pool)
        vectors, chosen = (pool.vectors, pool.chosen) if weights is None else _centred(pool.vectors, pool.chosen)
        radius = max(1e-3, min(RADIUS, SHRINK * _typical_distance(chosen)) if len(chosen) > 1 else RADIUS)
        weights = _evened(vectors, radius) if weights is None else weights
        terms = [Term(Covering(Parts.whole(vectors), chosen, radius, weights), self.strength * trust)]
        if trust < 1:
            terms += [Term(drawn.objective, self.strength * (1 - trust)) for drawn in Random().terms(pool)]
        return terms


def _evened(vectors: Vectors, radius: float) -> NDArray[np.float32]:
    """(n,) how much each sample is worth to be covered: less where many lie; of many, those that stand for all."""
    drawn = reference_of(len(vectors))
    rows = np.arange(len(vectors)) if drawn is None else drawn
    weights = np.ones(len(vectors), np.float32)
    for start in range(0, len(rows), 1024):
        some = rows[start : start + 1024]
        weights[some] = similarity(vectors[some], vectors[rows], radius).mean(axis=1) ** -EVENED
    return weights


def _centred(vectors: Vectors, chosen: Vectors) -> tuple[Vectors, Vectors]:
    """Both without the mean of all, unit rows again."""
    mean = (vectors.sum(axis=0) + chosen.sum(axis=0)) / max(1, len(vectors) + len(chosen))
    moved = [part - mean for part in (vectors, chosen)]
    for part in moved:
        part /= np.maximum(np.sqrt(np.einsum("ij,ij->i", part, part)), 1e-12)[:, None]
    return moved[0], moved[1]


def _uncertainty(pool: Pool) -> tuple[NDArray[np.float32] | None, float]:
    """How unsure one is of each sample, 0 to 1, None where nothing tells; and how far vectors are trusted, 0 to 1."""
    rows, labels = _labelled(pool)
    if len(np.unique(labels)) > 1:
        groups = pool.before["group"].take(rows).to_pylist() if "group" in pool.before.column_names else None
        probe = fit_probe(pool.chosen[rows], labels, int(labels.max()) + 1, groups)
        return _margins(probe, pool.vectors), _trust(probe, labels)
    if MARGIN in pool.columns.column_names and pool.columns[MARGIN].null_count < len(pool):
        stated = np.array(pool.columns[MARGIN].to_numpy(), np.float32)
        return np.nan_to_num(stated, nan=float(np.nanmedian(stated))), 1.0
    return None, 1.0


def _labelled(pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places among what is chosen that have a class, and codes of the classes: of the ontology that has most."""
    none = np.zeros(0, np.int64)
    if "label" not in pool.before.column_names:
        return none, none
    found: dict[str, list[tuple[int, str]]] = {}
    told = zip(pool.before["label"].to_pylist(), pool.before["ontology"].to_pylist(), strict=True)
    for place, (text, ontology) in enumerate(told):
        value = as_value(text) if text else {}
        if "class" in value:
            found.setdefault(ontology or "", []).append((place, value["class"]))
    if not found:
        return none, none
    most = max(sorted(found), key=lambda name: len(found[name]))
    places = np.array([place for place, _ in found[most]])
    labels = np.unique([name for _, name in found[most]], return_inverse=True)[1]
    if len(places) > MOST_LABELS:
        drawn = np.sort(np.random.default_rng(0).choice(len(places), MOST_LABELS, replace=False))
        places, labels = places[drawn], labels[drawn]
    return places, labels


def _margins(probe: Probe, vectors: Vectors) -> NDArray[np.float32]:
    """(n,) 1 - the distance between the two likeliest classes."""
    found = np.zeros(len(vectors), np.float32)
    for start in range(0, len(vectors), 8192):
        shares = np.sort(probe.probabilities(vectors[start : start + 8192]), axis=1)
        found[start : start + 8192] = 1 - (shares[:, -1] - shares[:, -2])
    return np.maximum(found, 1e-3)


def _trust(probe: Probe, labels: NDArray[np.int64]) -> float:
    """How far a probe gets on samples that it has not seen; one standard error is in its favour."""
    if probe.accuracy is None:
        return 1.0
    guess = float(np.bincount(labels).max() / len(labels))
    error = float(np.sqrt(guess * (1 - guess) / len(labels)))
    return float(np.clip((probe.accuracy - guess + error) / max(1 - guess, 1e-9) / TRUST, 0, 1))


def _typical_distance(chosen: Vectors) -> float:
    """Median distance of unit rows to their nearest neighbour; of many, of a seeded draw."""
    asked = np.arange(len(chosen))
    if len(chosen) > 2000:
        asked = np.random.default_rng(0).choice(len(chosen), 2000, replace=False)
    cosines = chosen[asked] @ chosen.T
    cosines[np.arange(len(asked)), asked] = -1
    return float(np.median(np.sqrt(np.maximum(0, 2 - 2 * cosines.max(axis=1)))))
