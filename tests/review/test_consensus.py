"""Consensus: a quorum makes a label, a tie makes none, and whoever is often wrong counts for less."""

from typing import Any

import numpy as np
import pytest

from tasks.labels.values import EMPTY, UNUSABLE, LabelType, Value
from tasks.review.agreement import MISSING
from tasks.review.consensus import Panel, Verdict, find_consensus, weigh
from tasks.review.settings import ReviewSettings

DOG = {"class": "dog", "x": 10.0, "y": 10.0, "width": 30.0, "height": 20.0}
NEAR = {**DOG, "x": 12.0}
FAR = {**DOG, "x": 200.0}
DRESS, SKIRT, PANTS = ({"class": name} for name in ("dress", "skirt", "pants"))


def panel(label_type: LabelType, answers: dict[str, dict[str, Value]], **reviewed: Value) -> Panel:
    return find_consensus(answers, reviewed, label_type, ReviewSettings())


def verdict(label_type: LabelType, **said: Value) -> Verdict:
    return panel(label_type, {"s": said}).verdicts["s"]


@pytest.mark.parametrize(
    ("label_type", "said", "value"),
    [
        ("class", [DRESS, DRESS], DRESS),
        ("class", [DRESS, SKIRT, DRESS], DRESS),
        ("class", [UNUSABLE, UNUSABLE, DRESS], UNUSABLE),
        ("class", [{**DRESS, "attributes": {"worn": True}}, SKIRT, DRESS], {**DRESS, "attributes": {"worn": True}}),
        ("multilabel", [{"classes": ["a", "b"]}, {"classes": ["a", "b"]}, {"classes": ["a"]}], {"classes": ["a", "b"]}),
        ("multilabel", [EMPTY, EMPTY, {"classes": ["a"]}], EMPTY),
        ("multilabel", [UNUSABLE, UNUSABLE, {"classes": ["a"]}], UNUSABLE),
        ("multilabel", [{"classes": ["unusable"]}] * 2, {"classes": ["unusable"]}),
        ("boxes", [{"boxes": [DOG]}, {"boxes": [NEAR]}], {"boxes": [{**DOG, "x": 11.0}]}),
        ("boxes", [{"boxes": [DOG, FAR]}, {"boxes": [DOG]}, {"boxes": [DOG]}], {"boxes": [DOG]}),
        ("boxes", [EMPTY, EMPTY], EMPTY),
        ("boxes", [EMPTY, UNUSABLE, UNUSABLE], UNUSABLE),
    ],
)
def test_a_quorum_makes_the_label(label_type: LabelType, said: list[Value], value: Value) -> None:
    found = verdict(label_type, **dict(zip(("ann", "bob", "eve"), said, strict=False)))
    assert found.agreed
    assert found.value == value


@pytest.mark.parametrize(
    ("label_type", "said", "told"),
    [
        ("class", [DRESS, SKIRT], "ann says 'dress', bob says 'skirt'"),
        ("class", [DRESS, SKIRT, PANTS], "eve says 'pants'"),
        ("class", [DRESS, {"answer": "unusable"}], "bob says 'unusable'"),
        ("multilabel", [{"classes": ["a", "b"]}, {"classes": ["a"]}], "'b': ann says yes, bob says no"),
        ("boxes", [{"boxes": [DOG, FAR]}, {"boxes": [DOG]}], "ann says 'dog', bob says nothing"),
        ("boxes", [{"boxes": [DOG]}, {"boxes": [{**DOG, "class": "cat"}]}], "ann says 'dog', bob says 'cat'"),
        ("boxes", [{"boxes": [DOG]}, UNUSABLE], "whether it can be labelled: ann says yes, bob says no"),
    ],
)
def test_without_a_quorum_there_is_none_and_who_said_what_is_told(
    label_type: LabelType, said: list[Value], told: str
) -> None:
    found = verdict(label_type, **dict(zip(("ann", "bob", "eve"), said, strict=False)))
    assert not found.agreed
    assert told in found.told


def test_of_masks_the_most_central_one_is_taken_as_it_is() -> None:
    rings = [[x, 0.0, x + 20, 0.0, x + 20, 20.0, x, 20.0] for x in (0.0, 2.0, 6.0)]
    masks: list[Any] = [{"class": "dog", "polygons": [ring]} for ring in rings]
    found = verdict("masks", ann={"masks": [masks[0]]}, bob={"masks": [masks[1]]}, eve={"masks": [masks[2]]})
    assert (found.agreed, found.value) == (True, {"masks": [masks[1]]})


def test_two_good_annotators_outweigh_two_who_are_often_wrong() -> None:
    answers: dict[str, dict[str, Value]] = {}
    for number in range(30):
        wrong = {"bad": SKIRT, "worse": PANTS} if number % 2 else {"bad": DRESS, "worse": DRESS}
        answers[f"s{number}"] = {"ann": DRESS, "bob": DRESS, "eve": DRESS, **wrong}
    tie = {"ann": DRESS, "bob": DRESS, "bad": SKIRT, "worse": SKIRT}
    found = panel("class", {**answers, "tie": tie})
    assert found.quality["ann"] > 0.9 > 0.65 > found.quality["bad"]
    assert found.verdicts["tie"].agreed
    assert found.verdicts["tie"].value == DRESS
    assert found.verdicts["tie"].doubt["bad"] > 0.9 > 0.1 > found.verdicts["tie"].doubt["ann"]


def test_a_reviewed_label_is_the_truth_by_which_annotators_are_measured() -> None:
    answers = {f"s{number}": {"ann": DRESS, "bob": SKIRT} for number in range(10)}
    found = panel("class", answers, **dict.fromkeys(list(answers)[:8], SKIRT))
    assert found.quality["bob"] > 0.8 > 0.4 > found.quality["ann"]
    assert set(found.verdicts) == {"s8", "s9"}
    assert found.verdicts["s9"].value == SKIRT
    assert found.shared == 10


def test_nobody_who_labels_alone_makes_a_verdict() -> None:
    found = panel("class", {"s": {"ann": DRESS}})
    assert (found.verdicts, found.alpha, found.shared) == ({}, None, 0)


def test_weigh__finds_truth_and_quality_that_made_the_answers() -> None:
    chance = np.random.default_rng(0)
    truth, made = chance.integers(0, 4, 600), np.array([0.95, 0.85, 0.7, 0.5])
    right = chance.random((600, 4)) < made
    codes = np.where(right, truth[:, None], (truth[:, None] + chance.integers(1, 4, (600, 4))) % 4)
    codes[chance.random((600, 4)) < 0.2] = MISSING
    posterior, quality = weigh(codes, np.zeros(4, bool))
    assert quality == pytest.approx(made, abs=0.05)
    counts = np.stack([(codes == code).sum(axis=1) for code in range(4)], axis=1)
    assert (posterior.argmax(axis=1) == truth).mean() > (counts.argmax(axis=1) == truth).mean() + 0.02
    assert posterior.sum(axis=1) == pytest.approx(np.ones(600))
