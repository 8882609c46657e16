"""Farthest-first traversal, 5,000 of 50,000, against one matrix product of the same flops."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tasks.select.diversity import spread
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.vectors import clustered

POOL, PICKS, DIMENSIONS = 50_000, 5_000, 384


def measured(_place: Path) -> Iterator[Result]:
    """Both in float32 on one thread."""
    vectors = clustered(POOL, DIMENSIONS)
    picked = np.ascontiguousarray(vectors[:PICKS].T)
    product = np.zeros((POOL, PICKS), np.float32)

    def picks() -> float:
        return seconds_of(lambda: spread(vectors, vectors[:0], PICKS, 0.0))

    with threadpool_limits(1):
        ours, alone = by_turns(picks, lambda: seconds_of(lambda: np.matmul(vectors, picked, out=product)))
    detail = f"{ours:.2f} s and {alone:.2f} s, one thread each"
    yield Result(f"matrix product / diversity, {PICKS:,} of {POOL:,} x {DIMENSIONS}", alone / ours, 0.5, 0.4, detail)
