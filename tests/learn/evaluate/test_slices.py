"""Slices: what is weak is named, what is not is left alone, whatever the number of slices."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy.stats import fisher_exact

from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.evaluate.slices import Slice, crossed, judged_slices, slices_of, worse_by_chance
from tasks.learn.evaluate.traits import QUARTERS, Trait, alike, by_quarter, traits_of
from tasks.store.root import Root
from tests.learn.evaluate.scene import NAMES, take_in
from tests.review.conftest import Bench

SETTINGS = EvaluateSettings()


def part(name: str, members: np.ndarray) -> Slice:
    return Slice(name, members, is_class=name.startswith("class="))


@pytest.mark.parametrize(("wrong", "size"), [(6, 10), (1, 12), (9, 40)])
def test_worse_by_chance__is_the_exact_test_of_fisher(wrong: int, size: int) -> None:
    members = np.arange(100) < size
    right = np.ones(100)
    right[:wrong], right[90:95] = 0, 0
    table = [[wrong, size - wrong], [5, 100 - size - 5]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert worse_by_chance(members, right, np.arange(100)) == pytest.approx(expected, rel=1e-9)


def test_worse_by_chance__a_recording_that_fails_is_one_failure() -> None:
    members = np.arange(200) < 40
    right = np.where(np.arange(200) < 20, 0.0, 1.0)
    assert worse_by_chance(members, right, np.arange(200)) < 1e-6
    assert worse_by_chance(members, right, np.arange(200) // 20) > 0.1


def test_judged_slices__chance_alone_makes_no_slice_weak() -> None:
    chance = np.random.default_rng(0)
    named = 0
    for _ in range(60):
        drawn = chance.integers(0, 3, (8, 150)).astype(str).astype(object)
        traits = {f"trait-{number}": Trait(texts) for number, texts in enumerate(drawn)}
        present = np.eye(3, dtype=bool)[chance.integers(0, 3, 150)]
        slices = slices_of(("a", "b", "c"), present, traits, SETTINGS.min_slice)
        right = (chance.random(150) < 0.8).astype(float)
        named += any(one.worse for one in judged_slices(slices, right, np.arange(150), SETTINGS))
    assert named <= 6


@pytest.mark.parametrize("skirt", ["class=skirt", "class=skirt & top", "class=a & light=dark"])
def test_judged_slices__a_crossing_is_told_only_where_it_is_worse_than_its_parts(skirt: str) -> None:
    place = np.arange(400)
    classes, dark = place % 2 == 0, place % 4 < 2
    right = np.where(classes & dark & (place % 16 != 0), 0.0, 1.0)
    slices = [part(skirt, classes), part("light=dark", dark)]
    judged = judged_slices(slices, right, place, SETTINGS)
    assert next(one.name for one in judged if one.worse) == f"{skirt} & light=dark"
    assert {one.name for one in judged} == {f"{skirt} & light=dark", skirt, "light=dark"}
    plain = judged_slices(slices, np.ones(400), place, SETTINGS)
    assert {one.name for one in plain} == {skirt, "light=dark"}
    assert judged_slices([], np.ones(4), place[:4], SETTINGS) == []


def test_judged_slices__every_one_has_an_interval_that_frames_of_recordings_make_wider() -> None:
    place = np.arange(400)
    right = (np.random.default_rng(3).random(40) < 0.7).repeat(10).astype(float)
    slices = [part("light=dark", place < 100), part("sensor_id=one", place < 10)]
    frames, recordings = (
        {one.name: one for one in judged_slices(slices, right, groups, SETTINGS)} for groups in (place, place // 10)
    )
    narrow, wide = frames["light=dark"], recordings["light=dark"]
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high
    assert np.isnan([recordings["sensor_id=one"].low, recordings["sensor_id=one"].high]).all()


def test_slices_of__values_of_too_few_samples_or_of_all_are_no_slice() -> None:
    present = np.ones((40, 1), bool)
    camera = np.array(["cam-1"] * 20 + ["cam-2"] * 5 + [None] * 15, object)
    assert [one.name for one in slices_of(("a",), present, {"sensor_id": Trait(camera)}, 8)] == ["sensor_id=cam-1"]


def test_by_quarter__quarters_are_of_equal_size_and_what_is_the_same_everywhere_is_none() -> None:
    quarters = by_quarter([*map(float, range(40)), None])
    found = quarters.texts
    assert [list(found).count(name) for name in ("lowest", "low", "high", "highest", None)] == [10, 10, 10, 10, 1]
    assert quarters.ranges == {
        "lowest": (None, 9.75), "low": (9.75, 19.5), "high": (19.5, 29.25), "highest": (29.25, None),
    }  # fmt: skip
    assert by_quarter([0.5, 0.5, None]).texts.tolist() == [None] * 3


def test_slices_of__quarters_ask_for_what_lies_between_their_edges_in_crossings_too() -> None:
    traits = {"brightness": by_quarter([float(place // 2) for place in range(40)])}
    every = slices_of(("a",), (np.arange(40) % 2 == 0)[:, None], traits, 5)
    told = {one.name: one.asked for one in [*every, *crossed(every, 5)]}
    assert told["brightness=lowest"] == ({"column": "brightness", "to": 4.75},)
    assert told["brightness=high"] == ({"column": "brightness", "above": 9.5, "to": 14.25},)
    assert told["class=a & brightness=highest"] == ({"class": "a"}, {"column": "brightness", "above": 14.25})


def test_alike__clusters_by_size_and_the_same_again() -> None:
    chance = np.random.default_rng(0)
    centres = np.eye(4, 8, dtype=np.float32)
    of = np.repeat(np.arange(4), (40, 10, 8, 6))
    vectors = (centres[of] + 0.01 * chance.normal(size=(64, 8))).astype(np.float32)
    found = alike(vectors)
    assert [np.unique(found[of == one]).tolist() for one in range(4)] == [[1], [2], [3], [4]]
    assert alike(vectors).tolist() == found.tolist()


def test_traits_of__lists_and_objects_of_metadata_are_told_apart_and_many_numbers_are_quarters(root: Root) -> None:
    bench, names = Bench(root, type="class", classes=list(NAMES)), [f"s{number:02d}" for number in range(40)]
    lights = [["front", {"b": 1, "a": 2}], ["front", {"a": 2, "b": 1}], None, []]
    metadata = [{"lights": lights[number % 4], "speed": number} for number in range(40)]
    take_in(bench, names, [{"metadata": json.dumps(one)} for one in metadata])
    traits = traits_of(root, names, ["lights", "speed"])
    assert Counter(traits["lights"].texts.tolist()) == {'["front", {"a": 2, "b": 1}]': 20, "[]": 10, None: 10}
    assert Counter(traits["speed"].texts.tolist()) == dict.fromkeys(QUARTERS, 10)
