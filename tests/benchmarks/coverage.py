"""Kernel coverage, 3,000 of 10,000, in processor seconds; the Gram matrix that it starts from beside it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tasks.select.coverage import Covering
from tasks.select.greedy import Term, pick_greedily
from tasks.select.parts import Parts
from tests.benchmarks.benchmark import Result, by_turns
from tests.benchmarks.vectors import clustered

POOL, PICKS = 10_000, 3_000


def measured(_place: Path) -> Iterator[Result]:
    """Processor seconds, not a ratio: a heap-lazy reference took about 3 for so many vectors of 1,280 dimensions."""
    yield _coverage(384)
    yield _coverage(1280)


def _coverage(dimensions: int) -> Result:
    vectors = clustered(POOL, dimensions)
    product = np.zeros((POOL, POOL), np.float32)
    with threadpool_limits(1):
        ours, gram = by_turns(
            lambda: _cpu_seconds_of(
                lambda: pick_greedily([Term(Covering(Parts.whole(vectors), vectors[:0]))], POOL, PICKS)
            ),
            lambda: _cpu_seconds_of(lambda: np.matmul(vectors, vectors.T, out=product)),
            rounds=5,
        )
    detail = f"{ours / gram:.1f} times the product for the Gram matrix ({gram:.2f} CPU s), one thread"
    title = f"coverage, {PICKS:,} of {POOL:,} x {dimensions}"
    return Result(title, ours, 3, 4.5, detail, lower=True, unit="CPU s")


def _cpu_seconds_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
