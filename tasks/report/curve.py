"""The learning curve and the reliability diagram: places in percent of a box, for SVG and the words around it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.report.evaluation import Calibration
from tasks.report.models import Round

STEPS = 5
"""About so many marks on an axis."""


@dataclass(frozen=True)
class Mark:
    """One round on the curve: its place, the ends of its interval (0 is the top), and what it says."""

    x: float
    y: float
    top: float
    bottom: float
    state: str
    words: str


@dataclass(frozen=True)
class Curve:
    """The test metric against the labels spent.

    Attributes:
        metric: what is drawn.
        marks: one a round.
        line: path between promoted rounds that were measured on one and the same test side.
        dashed: path between promoted rounds whose test side is not the same: as a guide for the eye.
        across: marks of the axis of labels, place and words.
        down: marks of the axis of the metric.
    """

    metric: str
    marks: list[Mark]
    line: str
    dashed: str
    across: list[tuple[float, str]]
    down: list[tuple[float, str]]


def curve_of(rounds: Sequence[Round]) -> Curve | None:
    """Draw the rounds of one metric, the newest one's; None where nothing was measured."""
    metric = rounds[-1].metric if rounds else ""
    drawn = [one for one in rounds if one.metric == metric and one.value is not None]
    if not drawn:
        return None
    across = _nice(0, max(max(one.labels for one in drawn), 1))
    ends = [end for one in drawn for end in (one.value, one.low, one.high) if end is not None]
    down = _nice(max(0.0, min(ends)), min(1.0, max(ends)))

    def x(one: Round) -> float:
        return _place(one.labels, across)

    def y(value: float) -> float:
        return 100 - _place(value, down)

    marks = []
    for one in drawn:
        value = one.value or 0.0
        low, high = (value if end is None else end for end in (one.low, one.high))
        marks.append(Mark(x(one), y(value), y(high), y(low), one.state, _words(one)))
    promoted = [one for one in drawn if one.state == "promoted"]
    paths = {True: "", False: ""}
    for before, after in pairwise(promoted):
        same = before.test_hash == after.test_hash
        ends_at = [f"{x(one):.2f} {y(one.value or 0):.2f}" for one in (before, after)]
        paths[same] += f"M{ends_at[0]}L{ends_at[1]}"
    return Curve(
        metric,
        marks,
        paths[True],
        paths[False],
        [(_place(at, across), f"{at:,.0f}") for at in across],
        [(100 - _place(at, down), f"{at:.{_digits(down)}%}") for at in down],
    )


@dataclass(frozen=True)
class Dot:
    """Answers of about one confidence: where they are, where they should be, how wide the dot (pixels), and words."""

    x: float
    y: float
    wanted: float
    size: float
    words: str


def reliability(calibration: Calibration) -> list[Dot]:
    """Dots of the reliability diagram: on the diagonal if all is well, the larger the more answers."""
    most = max((one.n for one in calibration.bins), default=1)
    return [
        Dot(
            x=100 * one.confidence,
            y=100 - 100 * one.accuracy,
            wanted=100 - 100 * one.confidence,
            size=5 + 9 * math.sqrt(one.n / most),
            words=f"{one.n:,} answers at {one.confidence:.0%}: {one.accuracy:.0%} are right",
        )
        for one in calibration.bins
        if one.n and one.confidence is not None and one.accuracy is not None
    ]


def _words(one: Round) -> str:
    interval = "" if one.low is None or one.high is None else f" ({one.low:.1%} to {one.high:.1%})"
    return f"{one.version}, {one.state}: {one.value:.1%}{interval} with {one.labels:,} labels"


def _nice(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, at equal steps of 1, 2 or 5 times a power of ten."""
    wide = max(high - low, 1e-3)
    power = 10 ** math.floor(math.log10(wide / STEPS))
    step = next(times * power for times in (1, 2, 5, 10) if times * power * STEPS >= wide)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _place(value: float, axis: Sequence[float]) -> float:
    return 100 * (value - axis[0]) / (axis[-1] - axis[0])


def _digits(axis: Sequence[float]) -> int:
    """Digits behind the point by which marks in percent are told apart."""
    return max(0, -math.floor(math.log10(100 * (axis[1] - axis[0])) + 1e-9))
