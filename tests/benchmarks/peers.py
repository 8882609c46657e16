"""Ingest and dedupe against imagededup and cleanvision on the same photographs: what each does to a folder."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.curate import dedupe, ingest
from flows.run import Run
from tasks.ingest.plan import plan
from tasks.store.root import open_root
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.peer import told_by
from tests.benchmarks.pictures import clothing, made_photographs
from tests.made import Maker
from tests.pipeline import settings_for


def measured(place: Path) -> Iterator[Result]:
    """Seconds an image: the cost of both is proportional, so that a part of the folder is enough for the peers."""
    Maker(place / "warm").photographs(64)
    _curated(place / "warm", place / "warm-root")
    yield _against_peers(place / "clothing", clothing, 1500, 300)
    yield _against_peers(place / "12 MP", made_photographs, 48, 12)


def _against_peers(folder: Path, make: Callable[[Path, int], object], ours: int, theirs: int) -> Result:
    make(folder / "all", ours)
    make(folder / "some", theirs)
    numbers = itertools.count()
    spent: list[dict[str, float]] = []

    def us() -> float:
        return seconds_of(lambda: _curated(folder / "all", folder / f"root-{next(numbers)}")) / ours

    def peers() -> float:
        spent.append(told_by("peer_seconds.py", folder / "some"))
        return sum(spent[-1].values()) / theirs

    our_seconds, peer_seconds = by_turns(us, peers)
    each = ", ".join(f"{name} {1e3 * min(one[name] for one in spent) / theirs:.1f}" for name in spent[0])
    detail = (
        f"ms per image: ours {1e3 * our_seconds:.2f} over {ours} (ingest and dedupe, gates and commits); {each} over "
        f"{theirs} of them"
    )
    title = f"imagededup PHash + cleanvision / ours, {folder.name}"
    return Result(title, peer_seconds / our_seconds, 10, 5, detail)


def _curated(source: Path, root: Path) -> None:
    settings = settings_for(source, root)
    opened = open_root(settings.root_uri, create=True)
    run = Run(settings, "")
    for batch in plan(opened, settings.source_uri, settings.ingest, settings.frozen()).batches:
        assert ingest(run, batch)
        assert dedupe(run, batch)
