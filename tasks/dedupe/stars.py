"""Star groups: every sample that is near a kept one is its duplicate, and no two kept ones are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.image.threads import in_threads
from tasks.image.witness import Pair
from tasks.progress import advance

BLOCK = 512
"""Samples compared at a time: bounds the memory of a burst in which all are alike."""

MOST_TRIES = 5
"""Of the kept samples that are near, so many are looked at where nothing else is said."""

Near = dict[int, dict[int, tuple[float, float]]]
"""For each row of a block: entries that are near, with the share of what is allowed and the distance.

Without a witness up to 1 is near enough; beyond is what only a witness can tell.
"""


class Look(Protocol):
    """One way in which pictures can be alike. Entries number what is kept, in the order in which it was kept."""

    def near_kept(self, start: int, stop: int) -> Near:
        """For each new sample of a block, by its place in the block, the entries that are near."""

    def near_each_other(self, start: int, stop: int) -> Near:
        """The same among the new samples of a block, which are numbered by their places in it."""

    def keep(self, places: Sequence[int]) -> None:
        """Add new samples to what is kept."""


class Witness(Protocol):
    """Looks at the pictures themselves before two samples count as duplicates."""

    def prepare(self, pairs: Iterable[Pair]) -> None:
        """Get ready to compare these pairs of samples, with the share of what is allowed that lies between them."""

    def agrees(self, new: str, kept: str, share: float) -> bool:
        """Whether `new` repeats `kept`, which is near by this share of what is allowed."""


@dataclass(frozen=True)
class Match:
    """The kept sample that another one repeats, and the distance between them."""

    kept_id: str
    distance: float


@dataclass(frozen=True, order=True)
class _Candidate:
    """A kept sample that is near: in ascending order of how near it is, then of its id."""

    share: float
    kept_id: str
    distance: float


def find_stars(
    looks: Sequence[Look],
    ids: Sequence[str],
    kept_ids: Sequence[str],
    witness: Witness | None = None,
    *,
    stage: str = "dedupe",
    tries: int = MOST_TRIES,
    protected: frozenset[str] = frozenset(),
) -> list[Match | None]:
    """Compare new samples, best first, with what is kept already and with each other.

    A sample that is near kept ones, in any look, repeats the nearest of them with which the witness agrees (distances
    of different looks are compared as shares of what is allowed; of equally near ones that with the smaller id).
    Otherwise it is kept itself.

    Args:
        looks: how to compare; at least one.
        ids: n sample ids, in the order in which samples are preferred.
        kept_ids: m ids of samples that are kept already; none of them is dethroned.
        witness: without one, nearness is enough.
        stage: whose progress is told.
        tries: of the kept samples that are near, only so many are looked at, the nearest first.
        protected: new samples that are kept whatever they are near.

    Returns:
        One entry a new sample, None where it is kept.
    """
    fresh: list[str] = []
    matches: list[Match | None] = []

    def name(entry: int) -> str:
        return str(kept_ids[entry]) if entry < len(kept_ids) else fresh[entry - len(kept_ids)]

    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        within = [look.near_each_other(start, start + len(block)) for look in looks]
        before = _nearest([look.near_kept(start, start + len(block)) for look in looks], len(block), name, tries)
        if witness:
            witness.prepare(_pairs(block, before, within))
        standing = _agreed(block, before, witness, protected)
        kept: list[int] = []
        for place, one in enumerate(block):
            nearer = _among(kept, [found.get(place, {}) for found in within], block, standing[place])[:tries]
            match = None if one in protected else _first(one, nearer, witness) or standing[place]
            matches.append(Match(match.kept_id, match.distance) if match else None)
            if match is None:
                kept.append(place)
        for look in looks:
            look.keep([start + place for place in kept])
        fresh += [block[place] for place in kept]
        advance(stage, len(block))
    return matches


def _nearest(found: list[Near], count: int, name: Callable[[int], str], most: int) -> list[list[_Candidate]]:
    """For each row the nearest few candidates of all looks."""
    rows = []
    for place in range(count):
        candidates = [
            _Candidate(near[0], name(entry), near[1]) for one in found for entry, near in one.get(place, {}).items()
        ]
        rows.append(_distinct(candidates)[:most])
    return rows


def _distinct(candidates: list[_Candidate]) -> list[_Candidate]:
    """The nearest first, each kept sample once."""
    nearest: dict[str, _Candidate] = {}
    for one in sorted(candidates):
        nearest.setdefault(one.kept_id, one)
    return list(nearest.values())


def _pairs(block: Sequence[str], before: list[list[_Candidate]], within: list[Near]) -> Iterator[Pair]:
    """Samples that may be compared, and which share of what is allowed lies between them."""
    for one, row in zip(block, before, strict=True):
        yield from ((one, near.kept_id, near.share) for near in row)
    for found in within:
        for place, near in found.items():
            yield from ((block[place], block[other], share) for other, (share, _) in near.items())


def _agreed(
    block: Sequence[str],
    candidates: list[list[_Candidate]],
    witness: Witness | None,
    protected: frozenset[str],
) -> list[_Candidate | None]:
    """For each row the nearest candidate with which the witness agrees; rows do not depend on each other."""
    rows = [[] if one in protected else row for one, row in zip(block, candidates, strict=True)]
    if witness is None:
        return [row[0] if row else None for row in rows]
    return in_threads(lambda one, row: _first(one, row, witness), block, rows)


def _among(
    kept: list[int], found: list[dict[int, tuple[float, float]]], block: Sequence[str], standing: _Candidate | None
) -> list[_Candidate]:
    """Those of the block's samples kept so far that are nearer than the candidate that stands."""
    candidates = [
        _Candidate(near[other][0], block[other], near[other][1]) for near in found for other in kept if other in near
    ]
    return [one for one in _distinct(candidates) if standing is None or one < standing]


def _first(one: str, candidates: list[_Candidate], witness: Witness | None) -> _Candidate | None:
    return next(
        (near for near in candidates if witness is None or witness.agrees(one, near.kept_id, near.share)),
        None,
    )
