"""How sure a figure is: intervals and a paired test, by drawing groups of samples that belong together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.learn.evaluate.answers import Answers, Codes, Figures, Floats, Marks, ratio
from tasks.learn.evaluate.settings import EvaluateSettings

_NUMBERS = 4_000_000
"""Weights that are held at once, so many draws at a time."""

_MANY = 1000
"""Groups, from which on a sum over them is as good as normally distributed."""

_STEPS = 20_000
"""Into so many the sum of all differences is divided; whole samples stay whole."""


@dataclass(frozen=True)
class Interval:
    """A figure and the interval that it lies in, by so many draws; NaN where nobody can tell."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """Figures with their intervals: by name, and for each class in their order."""

    metrics: Mapping[str, Interval]
    per_class: Mapping[str, list[Interval]]


@dataclass(frozen=True)
class Paired:
    """One model against another on the same samples.

    Attributes:
        one: the first metric of the first model.
        other: the same of the other.
        difference: one - other, with its interval.
        p: chance of a difference as large, either way, between models that are equally good.
    """

    one: float
    other: float
    difference: Interval
    p: float


def measured(answers: Answers, groups: Codes, settings: EvaluateSettings) -> Measured:
    """All figures, with percentile intervals by the bootstrap over groups.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; Field and Welsh, "Bootstrapping clustered data",
    2007. Of one group alone there is no interval.

    Args:
        answers: n samples.
        groups: (n,) codes 0 to g - 1; what belongs to one recording, or looks the same, is drawn together.
        settings: of evaluation.
    """
    value = answers.figures(np.ones((1, len(groups))))
    drawn = [answers.figures(weights) for weights in resampled(groups, settings.resamples)]
    metrics = {
        name: _interval(float(found[0]), np.concatenate([one.metrics[name] for one in drawn]), settings.confidence)
        for name, found in value.metrics.items()
    }
    per_class = {
        name: _intervals(found[0], np.concatenate([one.per_class[name] for one in drawn]), settings.confidence)
        for name, found in value.per_class.items()
    }
    return Measured(metrics, per_class)


def measured_parts(parts: Sequence[Marks], right: Floats, groups: Codes, settings: EvaluateSettings) -> list[Interval]:
    """How right a model is about parts of the samples, on average, with intervals by the draws of `measured`.

    Of a part that lies within one group there is no interval.

    Args:
        parts: (n,) which samples each has, at least one.
        right: (n,) how right the model is.
        groups: (n,) codes 0 to g - 1.
        settings: of evaluation.
    """
    from scipy.sparse import csr_array

    if not parts:
        return []
    members, together = csr_array(np.stack(parts), dtype=np.float64), np.unique(groups, return_inverse=True)[1]
    belongs = csr_array((np.ones(len(groups)), (np.arange(len(groups)), together)))
    sizes, sums = members @ belongs, members @ (belongs * right[:, None])
    draws = resampled(np.arange(belongs.shape[1]), settings.resamples)
    drawn = np.concatenate([ratio(sums @ weights.T, sizes @ weights.T) for weights in draws], axis=1)
    drawn[np.diff(sizes.indptr) < 2] = np.nan
    return _intervals(np.array([right[part].mean() for part in parts]), drawn.T, settings.confidence)


def paired(one: Answers, other: Answers, groups: Codes, settings: EvaluateSettings) -> Paired:
    """Two models on the same samples: interval of the difference, and a permutation test over groups.

    In each draw of the test, the two models change places in half of the groups (Fisher, "The Design of Experiments",
    1935). For accuracy and samples without groups this is McNemar's exact test, by drawing.

    Args:
        one: n samples.
        other: the same samples, by the other model.
        groups: (n,) codes 0 to g - 1.
        settings: of evaluation.
    """
    every = np.ones((1, len(groups)))
    first, second = float(_first(one.figures(every))[0]), float(_first(other.figures(every))[0])
    drawn = np.concatenate(
        [
            _first(one.figures(weights)) - _first(other.figures(weights))
            for weights in resampled(groups, settings.resamples)
        ]
    )
    both = one.beside(other)
    swapped = np.concatenate(
        [
            _first(both.figures(np.concatenate([kept, 1 - kept], axis=1)))
            - _first(both.figures(np.concatenate([1 - kept, kept], axis=1)))
            for kept in _swaps(groups, settings.resamples)
        ]
    )
    difference = first - second
    as_large = np.abs(swapped) >= abs(difference) - 1e-12
    p = (1 + int(as_large.sum())) / (1 + len(swapped))
    return Paired(first, second, _interval(difference, drawn, settings.confidence), p)


def chance_of_loss(differences: Floats, groups: Codes) -> float:
    """The chance that one model is so much worse than another on some samples, where both are equally good.

    The test of `paired`, one-sided and with every way to change places counted instead of drawn, so that what is left
    of it after a correction for many slices does not depend on the number of draws.

    Args:
        differences: (n,) how right the model is about each sample, less how right the other one is.
        groups: (n,) codes.
    """
    from scipy.stats import norm

    sums = np.bincount(groups, differences)
    sums = sums[np.abs(sums) > 1e-9]
    if len(sums) > _MANY:
        return float(norm.cdf(sums.sum() / np.sqrt((sums**2).sum())))
    scale = max(1, _STEPS // max(1, int(np.ceil(np.abs(sums).sum()))))
    steps = np.rint(sums * scale).astype(np.int64)
    shares = np.ones(1)
    for step in np.abs(steps):
        shares = (np.pad(shares, (0, step)) + np.pad(shares, (step, 0))) / 2
    return min(float(shares[: steps[steps > 0].sum() + 1].sum()), 1.0)


def resampled(groups: Codes, times: int) -> Iterator[Floats]:
    """How often each sample is drawn: (b, n) at a time, the same whenever it is asked.

    Of a single group nothing is drawn, once: figures of nothing are not known.
    """
    count = int(groups.max(initial=-1)) + 1
    if count < 2:
        yield np.zeros((1, len(groups)))
        return
    chance = np.random.default_rng(0)
    for few in _parts(times, len(groups)):
        drawn = chance.integers(0, count, (few, count)) + count * np.arange(few)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=few * count).reshape(few, count)
        yield weights[:, groups].astype(np.float64)


def _swaps(groups: Codes, times: int) -> Iterator[Floats]:
    """Which samples the models keep, the others they change: (b, n) at a time."""
    count = int(groups.max(initial=-1)) + 1
    chance = np.random.default_rng(1)
    for few in _parts(times, len(groups)):
        yield chance.integers(0, 2, (few, count))[:, groups].astype(np.float64)


def _parts(times: int, rows: int) -> Iterator[int]:
    few = max(1, _NUMBERS // max(rows, 1))
    for start in range(0, times, few):
        yield min(few, times - start)


def _first(figures: Figures) -> Floats:
    return next(iter(figures.metrics.values()))


def _intervals(values: Floats, drawn: Floats, confidence: float) -> list[Interval]:
    return [_interval(float(value), drawn[:, place], confidence) for place, value in enumerate(values)]


def _interval(value: float, drawn: Floats, confidence: float) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
