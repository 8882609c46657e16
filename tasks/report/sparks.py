"""Small lines of a figure by day, with its usual range behind it and dots where it was left: paths for SVG."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.report.days import Measure, Sensor, written
from tasks.report.usual import Judged

WIDTH, HEIGHT = 100, 30
EDGE = 2
"""Units that are left free above and below."""


@dataclass(frozen=True)
class Spark:
    """One small line, in a box of WIDTH x HEIGHT: paths of the band, the line and the dots; and what it says."""

    band: str
    line: str
    dots: str
    last: str
    words: str
    alarm: bool


def spark(sensor: Sensor, measure: Measure, low: float, high: float) -> Spark:
    """Draw one figure of one sensor, on a scale from `low` to `high` (see `scale`)."""
    judged = sensor.judged[measure.name]
    across = (np.arange(len(judged.values)) + 0.5) * WIDTH / max(len(judged.values), 1)
    down = {
        name: EDGE + (HEIGHT - 2 * EDGE) * (1 - np.clip((_scaled(values, measure) - low) / (high - low), 0, 1))
        for name, values in (("value", judged.values), ("low", judged.low), ("high", judged.high))
    }
    known = np.flatnonzero(~np.isnan(judged.values))
    banded = np.flatnonzero(~np.isnan(judged.high))
    around = [(across[day], down["high"][day]) for day in banded]
    around += [(across[day], down["low"][day]) for day in banded[::-1]]
    return Spark(
        band=_path(around) + "Z" if around else "",
        line=_path([(across[day], down["value"][day]) for day in known]) + ("h0" if len(known) == 1 else ""),
        dots="".join(f"M{across[day]:.1f} {down['value'][day]:.1f}h0" for day in np.flatnonzero(judged.out)),
        last=written(measure, judged.values[known[-1]]) if len(known) else "",
        words=_words(measure, judged),
        alarm=judged.since is not None,
    )


def scale(sensors: list[Sensor], measure: Measure) -> tuple[float, float]:
    """Ends of the scale of a figure, which all sensors share; the most extreme days do not stretch it."""
    values = np.concatenate([np.zeros(0), *(_scaled(one.judged[measure.name].values, measure) for one in sensors)])
    values = values[~np.isnan(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = np.quantile(values, (0.005, 0.995))
    low = 0.0 if measure.only_up else min(low, (low + high) / 2 - measure.least)
    return float(low), float(max(high, low + 2 * measure.least))


def _scaled(values: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    return np.log1p(values) if measure.logarithmic else values


def _path(points: list[tuple[float, float]]) -> str:
    return "".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))


def _words(measure: Measure, judged: Judged) -> str:
    known = judged.values[~np.isnan(judged.values)]
    if not len(known):
        return "nothing is known"
    ends = written(measure, float(known.min())), written(measure, float(known.max()))
    return f"{ends[0]} to {ends[1]}, {int(judged.out.sum())} days out of the usual range"
