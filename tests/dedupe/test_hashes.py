"""Which pairs beyond the radius are worth a look: copies, and hardly any that chance brings."""

import numpy as np
import pytest

from tasks.dedupe.hashes import CHANCE, HashLook
from tasks.dedupe.stars import Near
from tasks.image.phash import orientations

NEW, RADIUS, UNSURE = 400, 64, 30


def drawn(count: int, seed: int) -> np.ndarray:
    """Hashes that have nothing to do with each other."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


def changed(hashes: np.ndarray, bits: int) -> np.ndarray:
    """The hashes with so many bits flipped in each."""
    chance = np.random.default_rng(7)
    flips = np.zeros((len(hashes), 256), np.uint8)
    for row in flips:
        row[chance.choice(256, bits, replace=False)] = 1
    return hashes ^ np.packbits(flips, axis=1)


def looked_at(near: Near) -> set[tuple[int, int]]:
    """Pairs beyond the radius."""
    return {(row, entry) for row, entries in near.items() for entry, (share, _) in entries.items() if share > 1}


def test_near_kept__the_more_are_kept_the_nearer_what_is_looked_at() -> None:
    kept, new = drawn(40_000, 1), drawn(NEW, 2)
    looks = [HashLook(new, kept[:count], RADIUS, orientations, unsure=UNSURE) for count in (2_000, 40_000)]
    few, many = (looked_at(look.near_kept(0, NEW)) for look in looks)
    assert len(few) > 20
    assert len(many) < 1.6 * CHANCE * NEW


@pytest.mark.parametrize("version", [0, 5])
def test_near_kept__copies_of_one_kind_are_looked_at_however_many(version: int) -> None:
    kept = drawn(40_000, 1)
    new = orientations(changed(kept[:NEW], RADIUS + 10))[version]
    found = looked_at(HashLook(new, kept, RADIUS, orientations, unsure=UNSURE).near_kept(0, NEW))
    copies = {(row, row) for row in range(NEW)}
    assert copies <= found
    assert len(found - copies) < 1.6 * CHANCE * NEW


def test_near_kept__a_few_new_ones_are_looked_at_as_ever() -> None:
    kept, new = drawn(40_000, 1), drawn(4, 2)
    found = looked_at(HashLook(new, kept, RADIUS, orientations, unsure=UNSURE).near_kept(0, 4))
    assert len(found) > 4
    alone = [looked_at(HashLook(one[None], kept, RADIUS, orientations, unsure=UNSURE).near_kept(0, 1)) for one in new]
    assert found == {(row, entry) for row, some in enumerate(alone) for _, entry in some}
