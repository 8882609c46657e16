"""Star groups: exact against brute force, whatever the order, the blocks and the bursts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.dedupe import stars
from tasks.dedupe.hashes import HashLook as Look
from tasks.dedupe.stars import find_stars
from tasks.image.phash import orientations


def brute_force(
    hashes: np.ndarray, ids: list[str], kept: np.ndarray, kept_ids: list[str], radius: int
) -> list[str | None]:
    """The rule, word by word, one pair at a time."""
    codes, names, found = [*kept], [*kept_ids], []
    for code, name in zip(hashes, ids, strict=True):
        near = []
        for other, other_name in zip(codes, names, strict=True):
            turned = orientations(code[None])[:, 0]
            distance = min(int(np.unpackbits(version ^ other).sum()) for version in turned)
            if distance <= radius:
                near.append((distance, other_name))
        found.append(min(near)[1] if near else None)
        if not near:
            codes.append(code)
            names.append(name)
    return found


def scattered(count: int, centres: int, flips: int, seed: int) -> np.ndarray:
    """Hashes around a few centres, each turned at random and with some bits flipped."""
    chance = np.random.default_rng(seed)
    middle = chance.integers(0, 256, (centres, 32), dtype=np.uint8)
    made = []
    for _ in range(count):
        code = orientations(middle[[chance.integers(centres)]])[chance.integers(8), 0]
        bits = np.unpackbits(code)
        bits[chance.choice(256, chance.integers(flips + 1), replace=False)] ^= 1
        made.append(np.packbits(bits))
    return np.array(made)


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 20), st.integers(2, 9))
@settings(max_examples=40, deadline=None)
def test_find_stars__equals_brute_force(seed: int, new: int, old: int, block: int) -> None:
    hashes = scattered(new + old, 5, 30, seed)
    ids = [f"{(place * 7919) % 1000:03d}-{place}" for place in range(new + old)]
    look = Look(hashes[:new], hashes[new:], 40, orientations)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stars, "BLOCK", block)
        found = find_stars([look], ids[:new], ids[new:])
    expected = brute_force(hashes[:new], ids[:new], hashes[new:], ids[new:], 40)
    assert [match.kept_id if match else None for match in found] == expected


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_find_stars__groups_are_stars(seed: int) -> None:
    hashes = scattered(200, 12, 40, seed)
    ids = [str(place) for place in range(200)]
    found = find_stars([Look(hashes, hashes[:0], 48, orientations)], ids, [])
    kept = {name for name, match in zip(ids, found, strict=True) if match is None}
    assert all(match.kept_id in kept and match.distance <= 48 for match in found if match)
    assert brute_force(hashes[[int(name) for name in kept]], sorted(kept), hashes[:0], [], -1) == [None] * len(kept)


def test_find_stars__a_burst_of_equals_is_one_group() -> None:
    hashes = np.repeat(scattered(1, 1, 0, 1), 3000, axis=0)
    found = find_stars([Look(hashes, hashes[:0], 0)], [str(place) for place in range(3000)], [])
    assert found[0] is None
    assert {match.kept_id for match in found[1:] if match} == {"0"}


def test_find_stars__radius_minus_one_finds_nothing() -> None:
    hashes = np.repeat(scattered(1, 1, 0, 1), 3, axis=0)
    assert find_stars([Look(hashes, hashes, -1)], list("abc"), list("def")) == [None] * 3


def test_find_stars__any_look_is_enough() -> None:
    same, other = scattered(2, 2, 0, 5)
    looks = [Look(np.array([same]), np.array([other]), 10), Look(np.array([same]), np.array([same]), 10)]
    match = find_stars(looks, ["new"], ["old"])[0]
    assert match is not None
    assert (match.kept_id, match.distance) == ("old", 0)
