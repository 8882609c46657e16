"""Boxes: average precision is that of pycocotools, to the last digit that counts."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.labels.values import Value
from tasks.learn.evaluate.boxes import BoxAnswers, box_answers

NAMES = ("dog", "cat", "\u6587")
SIDES = st.sampled_from([8.0, 10.0, 12.5, 20.0])
PLACES = st.sampled_from([0.0, 2.0, 5.0, 30.0])
SHAPE = {"x": PLACES, "y": PLACES, "width": SIDES, "height": SIDES, "class": st.sampled_from(NAMES)}
TRUE = st.fixed_dictionaries(SHAPE, optional={"crowd": st.just(True)})
SEEN = st.fixed_dictionaries({**SHAPE, "score": st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0])})
PICTURE = st.tuples(st.lists(TRUE, max_size=5), st.lists(SEEN, max_size=6))


def as_values(pictures: list[tuple[list[Value], list[Value]]]) -> tuple[list[Value], list[Value]]:
    true = [{"boxes": drawn} if drawn else {"answer": "empty"} for drawn, _ in pictures]
    return true, [{"boxes": seen} for _, seen in pictures]


def by_coco(true: list[Value], said: list[Value], names: tuple[str, ...]) -> tuple[float, float]:
    """mAP and AP50 as pycocotools gives them, from its own files and by its own summary; NaN where there is nothing."""
    truth: dict[str, Any] = {"images": [{"id": place} for place in range(len(true))], "annotations": []}
    truth["categories"] = [{"id": code} for code in range(len(names))]
    seen = []
    for place, (label, value) in enumerate(zip(true, said, strict=True)):
        for box in label.get("boxes", []):
            plain = {"image_id": place, "category_id": names.index(box["class"]), "iscrowd": int(box.get("crowd", 0))}
            sides = [box[name] for name in ("x", "y", "width", "height")]
            number = len(truth["annotations"]) + 1
            truth["annotations"].append({**plain, "id": number, "bbox": sides, "area": sides[2] * sides[3]})
        for box in value["boxes"]:
            sides = [box[name] for name in ("x", "y", "width", "height")]
            plain = {"image_id": place, "category_id": names.index(box["class"]), "score": box["score"]}
            seen.append({**plain, "bbox": sides})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth  # type: ignore[assignment]
        coco.createIndex()
        found = COCOeval(coco, coco.loadRes(seen), "bbox")
        found.evaluate()
        found.accumulate()
        found.summarize()
    return float(found.stats[0]), float(found.stats[1])


def ours(answers: BoxAnswers, size: int) -> tuple[float, float]:
    metrics = answers.figures(np.ones((1, size))).metrics
    return float(np.nan_to_num(metrics["mAP"][0], nan=-1)), float(np.nan_to_num(metrics["AP50"][0], nan=-1))


@settings(max_examples=120, deadline=None)
@given(st.lists(PICTURE, min_size=1, max_size=6).filter(lambda pictures: any(seen for _, seen in pictures)))
def test_figures__are_those_of_pycocotools(pictures: list[tuple[list[Value], list[Value]]]) -> None:
    true, said = as_values(pictures)
    answers = box_answers(NAMES, true, said)
    assert ours(answers, len(true)) == pytest.approx(by_coco(true, said, NAMES), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(PICTURE, min_size=2, max_size=5), st.data())
def test_figures__a_weight_is_a_picture_so_many_times(
    pictures: list[tuple[list[Value], list[Value]]], data: st.DataObject
) -> None:
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(pictures), max_size=len(pictures)))
    places = np.repeat(np.arange(len(pictures)), times)
    scores = iter(np.linspace(0.9, 0.1, 40))
    true, said = as_values([(drawn, [{**box, "score": next(scores)} for box in seen]) for drawn, seen in pictures])
    answers = box_answers(NAMES, true, said)
    again = box_answers(NAMES, [true[place] for place in places], [said[place] for place in places])
    weighted, repeated = answers.figures(np.array([times], float)), again.figures(np.ones((1, len(places))))
    for name in ("ap", "recall", "precision", "f1"):
        assert weighted.per_class[name] == pytest.approx(repeated.per_class[name], nan_ok=True)


def voc(data: Path) -> tuple[list[Value], tuple[str, ...]]:
    """The labels of the shared pictures, from the file of COCO boxes."""
    (file,) = (data / "detection" / "voc100" / "gts" / "coco_format_v1").glob("*.json")
    stated = json.loads(file.read_text())
    names = {one["id"]: one["name"] for one in stated["categories"]}
    drawn: dict[int, list[Value]] = {one["id"]: [] for one in stated["images"]}
    for one in stated["annotations"]:
        x, y, width, height = one["bbox"]
        drawn[one["image_id"]].append(
            {"class": names[one["category_id"]], "x": x, "y": y, "width": width, "height": height}
        )
    return [{"boxes": boxes} for boxes in drawn.values()], tuple(sorted(names.values()))


def test_figures__are_those_of_pycocotools_on_real_labels(data: Path) -> None:
    true, names = voc(data)
    chance = np.random.default_rng(0)
    said = []
    for label in true:
        seen = []
        for box in label["boxes"] * 2:
            moved = {side: box[side] + chance.normal() * box["width"] / 10 for side in ("x", "y")}
            name = box["class"] if chance.random() < 0.8 else str(chance.choice(names))
            seen.append({**box, **moved, "class": name, "score": round(float(chance.random()), 2)})
        said.append({"boxes": seen})
    answers = box_answers(names, true, said)
    found = ours(answers, len(true))
    assert sum(len(label["boxes"]) for label in true) == int(answers.counts.sum()) == 273
    assert found == pytest.approx(by_coco(true, said, names), abs=1e-6)
    assert 0.2 < found[0] < found[1] < 0.9


DOG = {"class": "dog", "x": 10.0, "y": 10.0, "width": 20.0, "height": 20.0}
CAT = {"class": "cat", "x": 50.0, "y": 50.0, "width": 20.0, "height": 20.0}


def test_tuned_on__boxes_that_are_seen_from_the_best_score_up() -> None:
    true = [{"boxes": [DOG]}, {"boxes": [CAT]}, {"answer": "empty"}]
    said = [{"boxes": [{**DOG, "score": 0.3}]}, {"boxes": [{**CAT, "score": 0.25}]}, {"boxes": [{**DOG, "score": 0.2}]}]
    plain = box_answers(NAMES, true, said)
    assert plain.right.tolist() == [0, 0, 1]
    tuned = plain.tuned_on(plain)
    assert (tuned.cut, tuned.right.tolist()) == (0.25, [1, 1, 1])
    moved = tuned.calibrated(0.5)
    assert moved.right.tolist() == [1, 1, 1]
    assert moved.figures(np.ones((1, 3))).metrics["mAP"] == plain.figures(np.ones((1, 3))).metrics["mAP"]


def test_mistakes__what_is_seen_and_not_there_and_what_is_there_and_not_seen() -> None:
    true = [{"boxes": [DOG, {**CAT, "crowd": True}]}, {"boxes": [CAT]}]
    said = [{"boxes": [{**DOG, "score": 0.9}, {**CAT, "score": 0.8}]}, {"boxes": [{**DOG, "score": 0.7}]}]
    found = [(one.place, one.label, one.predicted, one.probability, one.box) for one in
             box_answers(NAMES, true, said).mistakes()]  # fmt: skip
    assert found == [
        (1, "cat", "", 1.0, (50.0, 50.0, 20.0, 20.0)),
        (1, "", "dog", 0.7, (10.0, 10.0, 20.0, 20.0)),
    ]


def test_beside_and_take__are_the_same_pictures_again() -> None:
    true = [{"boxes": [DOG]}, {"boxes": [CAT, DOG]}, {"answer": "empty"}]
    said = [{"boxes": [{**DOG, "score": 0.6}]}, {"boxes": [{**CAT, "score": 0.6}]}, {"boxes": [{**DOG, "score": 0.7}]}]
    one, other = box_answers(NAMES, true, said), box_answers(NAMES, true, [*said[:2], None])
    both = one.beside(other)
    alone = other.figures(np.ones((1, 3))).metrics["mAP"]
    assert both.figures(np.array([[0.0] * 3 + [1.0] * 3])).metrics["mAP"] == pytest.approx(alone)
    assert both.take(np.array([4, 3, 5])).figures(np.ones((1, 3))).metrics["mAP"] == pytest.approx(alone)
    assert both.take(np.array([4])).right.tolist() == other.right[1:2].tolist()
