"""Sides: no group on two of them, no sample ever moves, classes shared out evenly."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.labels.group import drawn
from tasks.learn.snapshots.sides import Member, Sided, sided

NAMES = st.integers(0, 30).map(str)
ROUND = st.lists(
    st.builds(
        lambda number, group, tied, name: Member(f"s{number:03d}", group, tied, (name,)),
        st.integers(0, 200), NAMES, st.none() | st.none() | NAMES, st.sampled_from("abc"),
    ),
    max_size=60,
    unique_by=lambda one: one.sample_id,
)  # fmt: skip


def drawn_for_test(group: str) -> bool:
    return drawn(group, 0.3, "test")


def grown(rounds: list[list[Member]], **how: float) -> list[tuple[list[Member], Sided]]:
    """Every round has what came before, with the sides that it has by then."""
    there: dict[str, Member] = {}
    had: dict[str, str] = {}
    found = []
    for new in rounds:
        there = {one.sample_id: one for one in new} | there
        members = [replace(one, had=had.get(one.sample_id)) for one in there.values()]  # type: ignore[arg-type]
        result = sided(members, drawn_for_test, how.get("validation_share", 0.3))
        found.append((members, result))
        had |= {name: side for name, side in result.sides.items() if name not in had}
    return found


@given(st.lists(ROUND, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_sided__no_group_is_on_two_sides_and_no_sample_ever_moves(rounds: list[list[Member]]) -> None:
    before: dict[str, str] = {}
    for members, result in grown(rounds):
        groups: dict[str, set[str]] = {}
        for one in members:
            if one.sample_id in result.sides:
                for group in filter(None, (one.group, one.tied)):
                    groups.setdefault(group, set()).add(result.sides[one.sample_id])
        assert all(len(sides) == 1 for sides in groups.values())
        assert before.items() <= result.sides.items()
        assert {one.sample_id for one in members} == {*result.sides, *result.bridges, *result.torn}
        assert result.torn == []
        before = dict(result.sides)


@given(ROUND)
@settings(max_examples=30, deadline=None)
def test_sided__is_the_same_in_any_order(members: list[Member]) -> None:
    assert sided(members[::-1], drawn_for_test, 0.3) == sided(members, drawn_for_test, 0.3)


def test_sided__shares_are_near_what_is_asked_and_classes_are_shared_out_evenly() -> None:
    chance = np.random.default_rng(0)
    names = chance.choice(["common", "usual", "rare"], 6000, p=[0.7, 0.28, 0.02])
    members = [Member(f"{n:05d}", f"g{n // int(chance.integers(1, 6))}", None, (str(names[n]),)) for n in range(6000)]
    (_, result), *_ = grown([members], validation_share=0.2)
    counts = Counter((one.classes[0], result.sides.get(one.sample_id)) for one in members)
    for name in ("common", "usual", "rare"):
        total = sum(counts[name, side] for side in ("train", "validation", "test"))
        assert counts[name, "validation"] / (total - counts[name, "test"]) == pytest.approx(0.2, abs=0.02)
    assert sum(counts[name, "test"] for name in ("common", "usual", "rare")) / 6000 == pytest.approx(0.3, abs=0.03)
    assert result.bridges == []


def test_sided__what_ties_two_sides_is_left_out_and_only_that() -> None:
    first = [Member("a", "left", had="train"), Member("b", "right", had="test")]
    new = [Member("c", "left", tied="right"), Member("d", "left"), Member("e", "right")]
    result = sided([*first, *new], lambda group: False, 0.5)
    assert result.sides == {"a": "train", "b": "test", "d": "train", "e": "test"}
    assert (result.bridges, result.torn) == (["c"], [])


def test_sided__of_one_group_on_two_sides_test_stays_whole() -> None:
    members = [Member("a", "one", had="train"), Member("b", "one", had="test"), Member("c", "one")]
    result = sided(members, lambda group: False, 0.5)
    assert result.sides == {"b": "test", "c": "test"}
    assert (result.bridges, result.torn) == ([], ["a"])


def test_sided__a_sample_without_a_label_still_says_where_its_group_is() -> None:
    members = [Member("a", "one", had="test", labelled=False), Member("b", "one")]
    assert sided(members, lambda group: False, 0.0).sides == {"b": "test"}


def test_sided__one_heap_of_tied_groups_stays_to_train_on() -> None:
    heap = [Member(f"{n:02d}", f"g{n}", f"g{n + 1}", ("a",)) for n in range(40)]
    rest = [Member(f"z{n:02d}", f"z{n}", None, ("a",)) for n in range(20)]
    counts = Counter(sided([*heap, *rest], lambda group: False, 0.2).sides.values())
    assert counts == {"train": 48, "validation": 12}


def test_sided__a_condition_names_its_side_and_nobody_else_gets_there() -> None:
    rest = frozenset(["test"])
    named = [Member("a", "one", asked="test"), Member("b", "two", asked="test")]
    others = [Member("c", "one", barred=rest), Member("d", "three", barred=rest), Member("e", "four", tied="two")]
    result = sided([*named, *others], lambda group: False, 0.0)
    assert result.sides == {"a": "test", "b": "test", "d": "train"}
    assert result.bridges == ["c", "e"]
