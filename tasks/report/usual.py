"""The usual range of a figure that is followed from day to day, and the days on which it left it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

HISTORY = 30
"""The usual is what the last so many usual days had; so many days out of it in a row are the new usual."""

FEWEST_DAYS = 5
"""Fewer days before have no usual range."""

WIDTH = 4.0
"""Half the usual range, in standard deviations as the median absolute deviation estimates them."""

CALM = 2
"""So many usual days in a row end what was out of the ordinary."""


@dataclass(frozen=True)
class Judged:
    """A figure by day, with its usual range on that day (NaN where none is known) and whether it was outside.

    Attributes:
        values: by day; NaN on a day that says nothing.
        low: lower end of the usual range.
        high: upper end of it.
        out: whether the value is outside.
        since: the day on which what is going on now began; None if all is as usual.
        usual: what the usual days before that had, the lowest and the highest twentieth left out.
    """

    values: Values
    low: Values
    high: Values
    out: NDArray[np.bool_]
    since: int | None
    usual: tuple[float, float]

    def from_day(self, first: int) -> "Judged":
        """The days from `first` on; `since` is counted from there and may be negative."""
        since = None if self.since is None else self.since - first
        return Judged(self.values[first:], self.low[first:], self.high[first:], self.out[first:], since, self.usual)


def judge(values: Values, noise: Values, least: float, *, logarithmic: bool, only_up: bool) -> Judged:
    """Compare each day with the usual days before it: median and median absolute deviation.

    Hampel, "The Influence Curve and its Role in Robust Estimation", 1974. Days outside do not become usual, unless
    HISTORY of them follow each other.

    Args:
        values: by day, NaN on days that say nothing.
        noise: standard error of each value, so that a day of few samples needs more to be noticed.
        least: half the range is never less (of the logarithm if `logarithmic`).
        logarithmic: compare log(1 + value) for counts and hours.
        only_up: no value, none is negative, is too low.
    """
    scaled, error = (np.log1p(values), noise / (1 + values)) if logarithmic else (values, noise)
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    out = np.zeros(len(values), np.bool_)
    usual: list[int] = []
    unusual: list[int] = []
    since, calm, before = None, 0, []
    for day in np.flatnonzero(~np.isnan(scaled)).tolist():
        if len(usual) >= FEWEST_DAYS:
            centre, half = _range(scaled[usual], error[day], least)
            low[day], high[day] = 0.0 if only_up else centre - half, centre + half
            out[day] = not low[day] <= scaled[day] <= high[day]
        if out[day]:
            unusual.append(day)
            calm = 0
            if since is None:
                since, before = day, usual
        else:
            usual, unusual, calm = [*usual, day][-HISTORY:], [], calm + 1
        if len(unusual) == HISTORY:
            usual, unusual, calm = unusual, [], CALM
        if calm >= CALM:
            since = None
    band = tuple(float(end) for end in np.quantile(values[before], (0.05, 0.95))) if since is not None else (0.0, 0.0)
    if logarithmic:
        low, high = np.expm1(low), np.expm1(high)
    return Judged(values, low, high, out, since, (band[0], band[1]))


def _range(history: Values, error: float, least: float) -> tuple[float, float]:
    """Centre and half the width. Few days know their own spread badly, so the fewer they are, the wider it is."""
    centre = float(np.median(history))
    spread = 1.4826 * float(np.median(np.abs(history - centre)))
    wider = 1 + FEWEST_DAYS / len(history)
    return centre, max(least, wider * WIDTH * max(spread, float(np.nan_to_num(error))))
