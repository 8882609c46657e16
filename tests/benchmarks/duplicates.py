"""Finding duplicates of 1,000 new samples: against 10,000 and 500,000 kept ones, and beside faiss's flat search."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.dedupe.compare import CHOICE, commit_compared, compare_samples
from tasks.dedupe.cosines import NEIGHBOURS, CosineLook, centred
from tasks.dedupe.find import commit_duplicates, find_duplicates
from tasks.dedupe.vectors import index_for
from tasks.embed.descriptor import DIMENSIONS
from tasks.image.thumbnail import encode
from tasks.store import choices
from tasks.store.root import open_root
from tests.benchmarks.benchmark import Result
from tests.benchmarks.made_root import made_batch
from tests.benchmarks.vectors import clustered
from tests.made import photograph
from tests.pipeline import settings_for

FEW, MANY, NEW = 10_000, 500_000, 1_000
BATCH = 50_000
ROUNDS = 3


def measured(place: Path) -> Iterator[Result]:
    """CPU seconds of both stages, beside each other, so that a busy machine is no excuse."""
    yield from _beside_flat_search()
    roots = [_Known(place / str(count), count) for count in (FEW, MANY)]
    costs = [[known.take_in() for known in roots] for _ in range(ROUNDS)]
    for stage in ("both", "dedupe", "compare"):
        few, many = (min(cost[number][stage] for cost in costs) for number in range(2))
        detail = f"{few:.2f} and {many:.2f} CPU s for {NEW:,} new ones"
        title = f"duplicates, {stage}, {MANY:,} kept / {FEW:,}"
        yield Result(title, many / few, 1.5, 2 if stage == "both" else 4, detail, lower=True)


class _Known:
    """A made root, to which one batch after another is added."""

    def __init__(self, place: Path, count: int) -> None:
        place.mkdir()
        self.settings, self.added = settings_for(place, place / "root"), 0
        self.chance = np.random.default_rng(0)
        self.drawn = clustered(count + (ROUNDS + 1) * NEW, DIMENSIONS)
        self.thumbnails = [encode(photograph(seed, 128, 96), 60) for seed in range(64)]
        self.root = open_root(self.settings.root_uri, create=True)
        mean = self.drawn[:FEW].mean(axis=0)
        measure = {"model": "descriptor-1", "mean": mean.tolist(), "closer": 0.5, "decided": 0.99}
        choices.settle(self.root, CHOICE, lambda: measure)
        for start in range(0, count, BATCH):
            for _ in made_batch(self.settings, self._files(min(BATCH, count - start)), self._dressed):
                pass
        self.take_in()

    def take_in(self) -> dict[str, float]:
        """CPU seconds of the two stages for a batch of new samples, none of them a duplicate."""
        begun = made_batch(self.settings, self._files(NEW), self._dressed, ("ingest", "embed"))
        batch = next(begun)
        dedupe = _cpu_seconds(lambda: self._dedupe(batch))
        next(begun)
        compare = _cpu_seconds(lambda: self._compare(batch))
        return {"dedupe": dedupe, "compare": compare, "both": dedupe + compare}

    def _dedupe(self, batch: str) -> None:
        find_duplicates.fn(self.root.uri, batch)
        commit_duplicates.fn(self.root.uri, batch)

    def _compare(self, batch: str) -> None:
        compare_samples.fn(self.root.uri, batch, self.settings.dedupe)
        commit_compared.fn(self.root.uri, batch, self.settings.dedupe)

    def _files(self, count: int) -> pa.Table:
        uris = [f"{self.settings.source_uri}/{number:07d}.jpg" for number in range(self.added, self.added + count)]
        columns = {"uri": uris, "version": ["1"] * count, "byte_size": [1] * count}
        return pa.table(columns)

    def _dressed(self, made: pa.Table) -> pa.Table:
        """No duplicates, no camera; vectors in clusters, thumbnails of a few dozen scenes."""
        rows = self.drawn[self.added : self.added + len(made)].astype(np.float16)
        self.added += len(made)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel(), pa.float16()), DIMENSIONS)
        thumbnails = [self.thumbnails[number] for number in self.chance.integers(0, len(self.thumbnails), len(made))]
        changed = {"vector": vectors, "thumbnail": pa.array(thumbnails, pa.binary())}
        for name in ("phash", "ringhash"):
            drawn = self.chance.integers(0, 256, (len(made), 32), np.uint8)
            changed[name] = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(made), [None, pa.py_buffer(drawn)])
        changed |= {name: pa.nulls(len(made), pa.string()) for name in ("kept_id", "group_id", "sensor_id")}
        kept = {name: made[name] for name in made.column_names if name not in changed}
        return pa.table({**kept, **changed})


def _beside_flat_search() -> Iterator[Result]:
    """All pairs above a cosine, by our look and its index, and by faiss's flat search."""
    import faiss

    count, dimensions, least = 100_000, 384, 0.9
    rows = clustered(count + NEW, dimensions)
    rows = centred(rows, rows.mean(axis=0))
    chance = np.random.default_rng(1)
    new = rows[count:].copy()
    planted = chance.choice(count, NEW // 2, replace=False)
    noise = chance.standard_normal((NEW // 2, dimensions), np.float32) * 0.01
    new[: NEW // 2] = centred(rows[planted] + noise, np.zeros(dimensions, np.float32))
    flat = faiss.IndexFlatIP(dimensions)
    flat.add(rows[:count])
    ours = index_for(count, rows[: count // 2])
    ours.add(rows[:count])
    pairs: dict[str, set[tuple[int, int]]] = {}

    def by_flat() -> None:
        similarities, entries = flat.search(new, NEIGHBOURS)
        near = np.argwhere(similarities >= least)
        pairs["flat"] = {(int(row), int(entries[row, column])) for row, column in near}

    def by_ours() -> None:
        look = CosineLook(new, ours, new[:0], least)
        found = [look.near_kept(start, start + 500) for start in range(0, NEW, 500)]
        pairs["ours"] = {
            (500 * block + row, entry) for block, near in enumerate(found) for row in near for entry in near[row]
        }

    seconds = [min(_cpu_seconds(work) for _ in range(ROUNDS)) for work in (by_flat, by_ours)]
    same = len(pairs["ours"] & pairs["flat"]) / max(len(pairs["ours"] | pairs["flat"]), 1)
    detail = f"{seconds[0]:.2f} and {seconds[1]:.2f} CPU s, {len(pairs['flat']):,} pairs, {same:.4f} of them the same"
    yield Result(f"{NEW:,} new among {count:,}, faiss flat / ours", seconds[0] / seconds[1], 1, 0.8, detail)


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
