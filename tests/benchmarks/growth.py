"""Growth: what one new file costs in a root that knows 200,000 files, against one that knows 2,000."""

from collections.abc import Iterator
from pathlib import Path

from flows.curate import curate
from flows.run import Summary
from tasks.ingest.plan import Plan, plan
from tasks.ingest.source import list_source
from tasks.store.root import open_root
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.made_root import listed_files, made_root
from tests.made import Maker
from tests.pipeline import settings_for

FEW, MANY = 2_000, 200_000


def measured(place: Path) -> Iterator[Result]:
    """All of a run, and all but the listing: what is listed is read anew each time, the tables should not be."""
    few, many = (_Known(place / str(count), count) for count in (FEW, MANY))
    whole = by_turns(few.take_in_one, many.take_in_one, rounds=5)
    rest = [known.least("planning") - known.least("listing") + known.least("stages") for known in (few, many)]
    title = f"one new file, {MANY:,} known / {FEW:,}"
    yield Result(f"{title}, all of it", whole[1] / whole[0], 3, 6, many.told(), lower=True)
    yield Result(f"{title}, but for listing", rest[1] / rest[0], 1.5, 3, few.told(), lower=True)


class _Known:
    """A made root and its source, to which one file after another is added."""

    def __init__(self, place: Path, count: int) -> None:
        listed_files(place / "source", count)
        self.settings, self.count = settings_for(place / "source", place / "root"), count
        made_root(self.settings)
        self.maker, self.added = Maker(place / "source"), 0
        self.costs: list[dict[str, float]] = []
        self.take_in_one()
        self.costs.clear()

    def take_in_one(self) -> float:
        """Seconds of a run with one new file; what they go into is kept."""
        self.maker.photographs(1, first=self.added)
        self.added += 1
        plans: list[Plan] = []
        summaries: list[Summary] = []
        listing = seconds_of(self._list)
        planning = seconds_of(lambda: plans.append(self._plan()))
        stages = seconds_of(lambda: summaries.append(curate.fn(self.settings, plans[0])))
        assert summaries[0].counts["sample"] == plans[0].new == 1
        self.costs.append({"listing": listing, "planning": planning, "stages": stages, **summaries[0].seconds})
        return planning + stages

    def least(self, part: str) -> float:
        """The least seconds of a part."""
        return min(cost[part] for cost in self.costs)

    def told(self) -> str:
        """Where the time goes."""
        parts = ", ".join(f"{part} {1e3 * self.least(part):.0f}" for part in self.costs[0])
        return f"{self.count:,} known, ms: {parts} (planning holds a listing, stages what follows it)"

    def _list(self) -> None:
        list_source(self.settings.source_uri, self.settings.ingest.include, leave_out=self.settings.root_uri)

    def _plan(self) -> Plan:
        root = open_root(self.settings.root_uri)
        return plan(root, self.settings.source_uri, self.settings.ingest, self.settings.frozen())
