"""What a benchmark gives: a ratio of two things measured in the same run, by turns, and what it should be."""

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True)
class Result:
    """One measured figure.

    Attributes:
        title: what against what.
        ratio: the figure; in `unit` where it is no ratio.
        aim: what it should be.
        floor: what it has to be, on a busy machine too.
        detail: the figures behind it, and where the time goes.
        lower: whether less is better.
        unit: of the figure, empty for a ratio.
    """

    title: str
    ratio: float
    aim: float
    floor: float
    detail: str
    lower: bool = False
    unit: str = ""

    def reaches(self, limit: float) -> bool:
        """Whether the figure is as good as a limit."""
        return self.ratio <= limit if self.lower else self.ratio >= limit

    @property
    def verdict(self) -> str:
        """`ok`, or which of the two it missed."""
        if not self.reaches(self.floor):
            return "MISSED, floor too"
        return "ok" if self.reaches(self.aim) else "MISSED"


class Skipped(Exception):
    """What a benchmark needs is not here; says what."""


def by_turns(*works: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """The least seconds of each work, measured A B A B A B, so that a busy moment of the machine hits both."""
    seconds = [[work() for work in works] for _ in range(rounds)]
    return [min(column) for column in zip(*seconds, strict=True)]


def seconds_of(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
