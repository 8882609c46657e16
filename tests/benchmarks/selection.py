"""Selection from 100,000: farthest-first beside plain NumPy, and what else there is for one pass over so many."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tasks.select.coverage import Covering
from tasks.select.diversity import Spreading, spread
from tasks.select.greedy import Term, pick_greedily
from tasks.select.objectives import Fixed
from tasks.select.parts import Parts
from tasks.select.typicality import typicality_of
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.vectors import clustered

POOL, PICKS, DIMENSIONS = 100_000, 1_000, 384
NEIGHBOURS = 20
CROPS = 5


def measured(_place: Path) -> Iterator[Result]:
    """All in float32 on one thread; a matrix product of the pool with the picks is the unit of all but the first."""
    vectors = clustered(POOL, DIMENSIONS)
    with threadpool_limits(1):
        yield _diversity(vectors)
        product = seconds_of(lambda: vectors @ vectors[:PICKS].T)
        yield _beside("diversity x typicality", seconds_of(lambda: _diverse_and_typical(vectors)), product, 40)
        covering = seconds_of(lambda: pick_greedily([Term(Covering(Parts.whole(vectors), vectors[:0]))], POOL, PICKS))
        yield _beside("coverage", covering, product, 80)
        crops = Parts.of_each(vectors, [CROPS] * (POOL // CROPS))
        cut = seconds_of(lambda: pick_greedily([Term(Spreading(crops, vectors[:0], 0.0))], len(crops), PICKS // CROPS))
        yield _beside(f"diversity of crops, {CROPS} an image", cut, product, 20)


def _diversity(vectors: np.ndarray) -> Result:
    found: dict[str, list[int]] = {}

    def ours() -> None:
        found["ours"] = spread(vectors, vectors[:0], PICKS, 0.0)[0]

    def plain() -> None:
        found["plain"] = _farthest_first(vectors, found["ours"][0])

    least, others = by_turns(lambda: seconds_of(ours), lambda: seconds_of(plain), rounds=2)
    radius, theirs = (_radius(vectors, found[name]) for name in ("ours", "plain"))
    detail = f"{others:.1f} and {least:.1f} s, one thread each; radius {theirs:.4f} and {radius:.4f}"
    ratio = others / least if radius <= theirs + 1e-4 else 0.0
    return Result(f"plain farthest-first / diversity, {PICKS:,} of {POOL:,} x {DIMENSIONS}", ratio, 5, 4, detail)


def _farthest_first(vectors: np.ndarray, first: int) -> list[int]:
    """As most write it: one matrix-vector product a pick."""
    picks = [first]
    nearest = vectors @ vectors[first]
    while len(picks) < PICKS:
        picks.append(int(nearest.argmin()))
        np.maximum(nearest, vectors @ vectors[picks[-1]], out=nearest)
    return picks


def _radius(vectors: np.ndarray, picks: list[int]) -> float:
    """The distance of the sample that is farthest from all picks."""
    return float(np.sqrt(max(0.0, 2 - 2 * (vectors @ vectors[picks].T).max(axis=1).min())))


def _diverse_and_typical(vectors: np.ndarray) -> None:
    typical = Fixed("typicality", typicality_of(Parts.whole(vectors), NEIGHBOURS), "{}")
    pick_greedily([Term(Spreading(Parts.whole(vectors), vectors[:0], 0.0)), Term(typical)], POOL, PICKS)


def _beside(title: str, seconds: float, product: float, floor: float) -> Result:
    detail = f"{seconds:.1f} s; the product takes {product:.2f} s"
    title = f"{title}, {PICKS:,} of {POOL:,} x {DIMENSIONS} / product"
    return Result(title, seconds / product, floor / 2, floor, detail, lower=True)
