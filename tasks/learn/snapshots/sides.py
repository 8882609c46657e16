"""Sides: which samples are trained on, chosen by, and tested on. No group is on two sides, and no sample ever moves.

1. A sample that an older snapshot has keeps its side, always, and its group has that side too.
2. What a condition names is on that side, if its group has none yet.
3. A group that is drawn for testing is on test: by its id, long before anybody knows its labels.
4. All other groups go to train or validation, so that classes are shared out evenly (see stratify.py).

Groups that are tied (one holds a repeat of the other's picture) may end up on different sides. Then the repeats are
left out: new data never moves what was there, and nothing that looks the same is on two sides. Where samples that had
sides already turn out to be one group, as when metadata came late, test goes before validation, and that before train:
what is on the other sides is left out until they are apart again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.labels.group import united
from tasks.labels.snapshot import SIDES, Side
from tasks.learn.snapshots.stratify import Cluster, stratified

_RANK = {side: place for place, side in enumerate(("test", "validation", "train"))}


@dataclass(frozen=True)
class Member:
    """A sample that needs a side, or had one.

    Attributes:
        sample_id: the sample.
        group: what it belongs to.
        tied: another group, of which it repeats a picture.
        classes: of its label.
        labelled: whether it has a label now; without one it only says where its group is.
        had: its side in older snapshots.
        asked: the side that a condition names.
        barred: sides on which it cannot be, since a condition names who is.
    """

    sample_id: str
    group: str
    tied: str | None = None
    classes: tuple[str, ...] = ()
    labelled: bool = True
    had: Side | None = None
    asked: Side | None = None
    barred: frozenset[Side] = frozenset()


@dataclass(frozen=True)
class Sided:
    """The side of each sample that has one; `bridges` are new samples that tie two sides, `torn` are older ones."""

    sides: dict[str, Side]
    bridges: list[str]
    torn: list[str]


def sided(members: Sequence[Member], is_drawn: Callable[[str], bool], validation_share: float) -> Sided:
    """Give every labelled member a side, or leave it out.

    Args:
        members: each sample once; the order does not matter.
        is_drawn: whether a group without a side is drawn for testing.
        validation_share: of what is neither on test nor named by a condition.
    """
    members = sorted(members, key=lambda one: one.sample_id)
    groups = _known(members)
    for group in sorted({name for one in members if one.labelled for name in (one.group, one.tied) if name}):
        if group not in groups and is_drawn(group):
            groups[group] = "test"
    groups |= _shared_out(members, groups, validation_share)
    found = Sided({}, [], [])
    for one in members:
        if one.labelled:
            side = groups[one.group]
            if _fits(one, side) and groups.get(one.tied or one.group) == side:
                found.sides[one.sample_id] = side
            else:
                (found.torn if one.had else found.bridges).append(one.sample_id)
    return found


def _known(members: Iterable[Member]) -> dict[str, Side]:
    """Groups that have a side: by the samples that had one, by what repeats them, by what a condition names."""
    groups: dict[str, Side] = {}
    for claims in (
        [(one.group, one.had) for one in members],
        [(one.tied, one.had) for one in members],
        [(one.group, one.asked) for one in members if one.had is None and one.labelled],
    ):
        claimed: dict[str, Side] = {}
        for group, side in claims:
            if group is not None and side is not None and group not in groups:
                claimed[group] = min(side, claimed.get(group, side), key=_RANK.__getitem__)
        groups |= claimed
    return groups


def _shared_out(members: Sequence[Member], groups: dict[str, Side], validation_share: float) -> dict[str, Side]:
    """Sides of the groups that have none: train, or validation; what is tied stays together."""
    clusters = _clusters(members, groups)
    counts: dict[str, Counter[str]] = {name: Counter() for name in clusters.values()}
    so_far: dict[Side, Counter[str]] = {side: Counter() for side in SIDES}
    for one in members:
        if one.labelled:
            counted = counts[clusters[one.group]] if one.group in clusters else so_far[groups[one.group]]
            counted.update(one.classes or ("",))
    sides = stratified([Cluster(name, counts[name]) for name in sorted(counts)], so_far, validation_share)
    return {group: sides[name] for group, name in clusters.items()}


def _clusters(members: Sequence[Member], groups: dict[str, Side]) -> dict[str, str]:
    """For each group without a side, the smallest of the groups that it is tied to, directly or not."""
    tied = [[name for name in (one.group, one.tied) if name and name not in groups] for one in members if one.labelled]
    return united(names for names in tied if names)


def _fits(one: Member, side: Side) -> bool:
    return side == (one.had or one.asked or side) and (one.had is not None or side not in one.barred)
