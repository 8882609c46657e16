"""Slices: parts of the test side that have something in common, and which of them a model is significantly worse at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.learn.evaluate.answers import Codes, Floats, Marks
from tasks.learn.evaluate.bootstrap import measured_parts
from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.evaluate.traits import CLUSTER, Trait

Asked = tuple[dict[str, Any], ...]
"""What a sample without a label has to meet to be of a slice: {class}, {column, value} or {column, above, to} each.

A number is more than `above` and at most `to`; either is left out where there is no such end."""


@dataclass(frozen=True)
class Slice:
    """Samples that have something in common.

    Attributes:
        name: as sensor_id=cam-3.
        members: (n,) which they are.
        is_class: whether it is a class that they have in common.
        asked: how other samples are known to be of it; empty where nothing tells.
        parts: the slices that it is the crossing of, if it is one.
    """

    name: str
    members: Marks
    is_class: bool = False
    asked: Asked = ()
    parts: tuple["Slice", ...] = ()


@dataclass(frozen=True)
class Judged:
    """A slice against the rest of the samples.

    Attributes:
        name: of the slice.
        n: samples.
        value: how right the model is about them, mean, 0 to 1.
        low: lower end of its interval; NaN where nobody can tell.
        high: upper end.
        rest: the value of the other samples.
        p: chance of being so much worse where the slice means nothing.
        p_corrected: the same, corrected for the number of slices.
        worse: whether it is significantly worse.
        asked: how other samples are known to be of it; empty where nothing tells.
    """

    name: str
    n: int
    value: float
    low: float
    high: float
    rest: float
    p: float
    p_corrected: float
    worse: bool
    asked: Asked


def slices_of(classes: Sequence[str], present: Marks, traits: Mapping[str, Trait], least: int) -> list[Slice]:
    """A slice for each class and each value of a trait that enough samples, and not nearly all, have.

    Args:
        classes: k names.
        present: (n, k) which classes a sample has.
        traits: of n samples each.
        least: samples of a slice, and outside of it.
    """
    every = [
        Slice(f"class={name}", present[:, code], is_class=True, asked=({"class": name},))
        for code, name in enumerate(classes)
    ]
    for column, trait in traits.items():
        known = sorted({text for text in trait.texts if text is not None})
        every += [Slice(f"{column}={text}", trait.texts == text, asked=_asked(column, text, trait)) for text in known]
    return [one for one in every if least <= one.members.sum() <= len(present) - least]


def _asked(column: str, text: str, trait: Trait) -> Asked:
    if column == CLUSTER:
        return ()
    if text in trait.ranges:
        above, to = trait.ranges[text]
        ends = {"above": above, "to": to}
        return ({"column": column} | {name: end for name, end in ends.items() if end is not None},)
    return ({"column": column, "value": text},)


def crossed(slices: Sequence[Slice], least: int) -> Iterator[Slice]:
    """Samples of a class that share a trait as well, where these are fewer than either has."""
    classes = [one for one in slices if one.is_class]
    others = [one for one in slices if not one.is_class]
    for one in classes:
        for other in others:
            both = one.members & other.members
            if least <= both.sum() < min(one.members.sum(), other.members.sum()):
                asked = (*one.asked, *other.asked) if other.asked else ()
                yield Slice(f"{one.name} & {other.name}", both, asked=asked, parts=(one, other))


def judged_slices(slices: Sequence[Slice], right: Floats, groups: Codes, settings: EvaluateSettings) -> list[Judged]:
    """All slices and their crossings with the classes, the worst first.

    Each is tested against the rest, one-sided: by Fisher's exact test where samples are right or wrong, else by that of
    Mann and Whitney. What belongs together counts once on either side: frames of a recording fail together. The
    correction is that of Benjamini and Hochberg, "Controlling the False Discovery Rate", 1995. Of the crossings those
    are told that are significantly worse, and worse than both slices that they are made of. Intervals are those of
    `measured_parts`, without a correction.

    Args:
        slices: of the test side.
        right: (n,) how right the model is, 0 to 1.
        groups: (n,) codes 0 to g - 1.
        settings: of evaluation.
    """
    from scipy.stats import false_discovery_control

    pairs = list(crossed(slices, settings.min_slice))
    every = [*slices, *pairs]
    if not every:
        return []
    chances = [worse_by_chance(one.members, right, groups) for one in every]
    corrected = false_discovery_control(chances)
    told = [
        (one, chance, float(after))
        for one, chance, after in zip(every, chances, corrected, strict=True)
        if not one.parts or (after < 1 - settings.confidence and _is_worse_than_its_parts(one, right))
    ]
    intervals = measured_parts([one.members for one, _, _ in told], right, groups, settings)
    judged = [
        Judged(
            one.name,
            int(one.members.sum()),
            found.value,
            found.low,
            found.high,
            float(right[~one.members].mean()),
            chance,
            after,
            after < 1 - settings.confidence,
            one.asked,
        )
        for (one, chance, after), found in zip(told, intervals, strict=True)
    ]
    return sorted(judged, key=lambda one: (one.p_corrected, one.p, one.name))


def worse_by_chance(members: Marks, right: Floats, groups: Codes) -> float:
    """The p-value of one slice."""
    from scipy.stats import hypergeom, mannwhitneyu

    units = groups * 2 + members
    counts = np.bincount(units)
    there = counts > 0
    means = np.bincount(units, right)[there] / counts[there]
    inside = (np.arange(len(counts)) % 2 == 1)[there]
    wrong = means < 1
    if np.isin(means, (0, 1)).all():
        found = hypergeom.sf(int(wrong[inside].sum()) - 1, len(means), int(wrong.sum()), int(inside.sum()))
        return min(float(found), 1.0)
    return float(mannwhitneyu(means[inside], means[~inside], alternative="less").pvalue)


def _is_worse_than_its_parts(crossing: Slice, right: Floats) -> bool:
    value = right[crossing.members].mean()
    return all(value < right[part.members].mean() for part in crossing.parts)
