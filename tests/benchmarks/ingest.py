"""Ingest, from plan to commit, against decoding the same files alone."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import simplejpeg

from flows.curate import ingest
from flows.run import Run, Summary
from tasks.ingest.plan import plan
from tasks.store.root import open_root
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.pictures import MIDDLE, clothing, made_photographs
from tests.benchmarks.processes import metered
from tests.made import Maker
from tests.pipeline import settings_for

SHORT_SIDE = 256


def measured(place: Path) -> Iterator[Result]:
    """Small photographs as they come, and made ones of 0.8 and of 12 megapixels."""
    Maker(place / "warm").photographs(64)
    ingested(place / "warm", place / "warm-root")
    yield _against_decoding(clothing(place / "clothing", 1500), place, "1,500 photographs", aim=0.6, floor=0.4)
    middle = made_photographs(place / "middle", 500, MIDDLE)
    yield _against_decoding(middle, place, "500 of 1024 x 768", aim=0.6, floor=0.4)
    yield _against_decoding(made_photographs(place / "large", 100), place, "100 of 12 MP", aim=0.75, floor=0.6)


def ingested(source: Path, root: Path) -> Summary:
    """Plan, shards, gate and commit, as the flow curate does them."""
    settings = settings_for(source, root)
    opened = open_root(settings.root_uri, create=True)
    run = Run(settings, "")
    for batch in plan(opened, settings.source_uri, settings.ingest, settings.frozen()).batches:
        assert ingest(run, batch)
    return run.summary


def _against_decoding(files: list[Path], place: Path, what: str, aim: float, floor: float) -> Result:
    numbers = itertools.count()
    gates: list[float] = []

    def ours() -> float:
        summary: list[Summary] = []
        root = place / f"root-{files[0].parent.name}-{next(numbers)}"
        spent = seconds_of(lambda: summary.append(ingested(files[0].parent, root)))
        assert summary[0].counts["sample"] > 0.9 * len(files)
        gates.append(summary[0].seconds["gate"])
        return spent

    alone = decoding_alone([file.read_bytes() for file in files])
    cpu: tuple[list[float], list[float]] = [], []
    seconds = by_turns(metered(ours, cpu[0]), metered(alone, cpu[1]), rounds=5)
    whole, limit, whole_cpu, limit_cpu, gate = (
        1e3 * least / len(files) for least in (*seconds, min(cpu[0]), min(cpu[1]), min(gates))
    )
    detail = (
        f"{1e3 / whole:.0f} img/s of {1e3 / limit:.0f}; ms per image {whole:.2f} (gate {gate:.2f}) and {limit:.2f}, "
        f"CPU ms {whole_cpu:.2f} and {limit_cpu:.2f}: {limit_cpu / whole_cpu:.2f}"
    )
    return Result(f"ingest / scaled decode alone, {what}", limit / whole, aim, floor, detail)


def decoding_alone(contents: list[bytes]) -> Callable[[], float]:
    """Scaled decoding of JPEGs that are in memory, one thread a processor; the GIL is released."""

    def decode(content: bytes) -> None:
        simplejpeg.decode_jpeg(content, "RGB", fastdct=True, min_height=SHORT_SIDE, min_width=SHORT_SIDE, min_factor=1)

    def work() -> float:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return seconds_of(lambda: list(pool.map(decode, contents)))

    return work
