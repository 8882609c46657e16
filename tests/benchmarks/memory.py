"""Memory: the peak of a whole curate run, its decoding processes included, at 20,000 samples against 2,000."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.benchmark import Result
from tests.benchmarks.processes import resident_bytes
from tests.made import Maker

FEW, MANY = 2_000, 20_000
EVERY_S = 0.05
REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import logging, sys
from pathlib import Path
from tests.pipeline import curate, settings_for
logging.disable(logging.INFO)
assert not curate(settings_for(Path(sys.argv[1]), Path(sys.argv[2]))).held
"""


def measured(place: Path) -> Iterator[Result]:
    """Small made photographs, descriptor-1, a fresh process a size. Shared pages count in every process."""
    peaks = {count: _peak(place, count) for count in (FEW, MANY)}
    megabytes = {count: {who: peak >> 20 for who, peak in peaks[count].items()} for count in peaks}
    detail = "; ".join(
        f"{count:,} samples: {of['total']} MB (main {of['main']}, children {of['children']} at that moment)"
        for count, of in megabytes.items()
    )
    ratio = peaks[MANY]["total"] / peaks[FEW]["total"]
    yield Result(f"peak memory of curate, {MANY:,} / {FEW:,} samples", ratio, 1.3, 1.5, detail, lower=True)


def _peak(place: Path, count: int) -> dict[str, int]:
    """Bytes at the moment when main process and children together hold the most."""
    source, root = place / f"source-{count}", place / f"root-{count}"
    Maker(source).photographs(count)
    peak = {"total": 0}
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, source, root], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    while run.poll() is None:
        held = resident_bytes(run.pid)
        peak = max(peak, {"total": sum(held.values()), **held}, key=lambda one: one["total"])
        time.sleep(EVERY_S)
    if run.returncode:
        raise RuntimeError(f"curate of {count:,} photographs ended with {run.returncode}")
    return peak
