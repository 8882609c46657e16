"""Share groups out to train and validation so that every class is on both in the same proportion.

After Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (2011): the rarest class first, each
group to the side that lacks most of it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.labels.group import place_of
from tasks.labels.snapshot import Side


@dataclass(frozen=True)
class Cluster:
    """What has to stay together, and its samples by class."""

    name: str
    counts: Counter[str]


def stratified(
    clusters: Sequence[Cluster], so_far: Mapping[Side, Counter[str]], validation_share: float
) -> dict[str, Side]:
    """The side of each cluster, `train` or `validation`.

    Args:
        clusters: in any order; the larger ones are placed first, equal ones as if by chance, but always the same.
        so_far: samples by class that are on these sides already.
        validation_share: of both sides together, in every class.
    """
    totals = sum((one.counts for one in clusters), so_far["train"] + so_far["validation"])
    shares: dict[Side, float] = {"train": 1 - validation_share, "validation": validation_share}
    lacking = {
        side: {name: share * total - so_far[side][name] for name, total in totals.items()}
        for side, share in shares.items()
    }
    order = sorted(clusters, key=lambda one: (-one.counts.total(), place_of(one.name, "validation")))
    with_class: dict[str, list[Cluster]] = {name: [] for name in totals}
    for cluster in order:
        for name in cluster.counts:
            with_class[name].append(cluster)
    sides: dict[str, Side] = {}
    for name in sorted(with_class, key=lambda one: (totals[one], one)):
        for cluster in with_class[name]:
            if cluster.name not in sides:
                side = _lacking_most(name, lacking)
                sides[cluster.name] = side
                for held, count in cluster.counts.items():
                    lacking[side][held] -= count
    return sides | {one.name: "train" for one in clusters if one.name not in sides}


def _lacking_most(name: str, lacking: Mapping[Side, Mapping[str, float]]) -> Side:
    """The side that lacks most of a class, then most of all classes; validation only if it lacks more than train."""
    wanted = {side: (lacking[side][name], sum(lacking[side].values())) for side in lacking}
    return "validation" if wanted["validation"] > wanted["train"] else "train"
