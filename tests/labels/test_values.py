from typing import Any

import pytest

from tasks.labels.values import (
    EMPTY,
    BadLabel,
    as_text,
    bounds,
    canonical,
    canonical_prediction,
    classes,
    outside,
    with_classes,
)

DOG = {"class": "dog", "x": 1, "y": 2, "width": 30, "height": 40}


def test_the_same_label_has_the_same_text_however_it_was_written() -> None:
    one = canonical("boxes", {"boxes": [{**DOG, "crowd": False, "track": None}], "attributes": {}})
    other = canonical("boxes", {"boxes": [dict(reversed(DOG.items()))]})
    assert as_text(one) == as_text(other)
    assert canonical("multilabel", {"classes": ["b", "a", "b"]}) == {"classes": ["a", "b"]}


def test_no_shapes_are_the_answer_empty() -> None:
    assert canonical("boxes", {"boxes": []}) == EMPTY
    assert canonical("class", {"answer": "unusable"}) == {"answer": "unusable"}


@pytest.mark.parametrize(
    ("label_type", "value", "why"),
    [
        ("class", {"class": 3}, "class"),
        ("class", {"answer": "maybe"}, "answer"),
        ("class", {"class": "dog", "colour": "red"}, "colour"),
        ("boxes", {"boxes": [{**DOG, "width": 0}]}, "width"),
        ("boxes", {"boxes": [{**DOG, "x": float("nan")}]}, "x"),
        ("masks", {"masks": [{"class": "dog"}]}, "polygons or rle"),
        ("masks", {"masks": [{"class": "dog", "polygons": [[1, 2, 3]]}]}, "polygons"),
        ("masks", {"masks": [{"class": "dog", "polygons": [[1, 2, 3, 4, 5, 6, 7]]}]}, "x, y"),
    ],
)
def test_what_is_no_label_says_why(label_type: Any, value: dict[str, Any], why: str) -> None:
    with pytest.raises(BadLabel, match=why):
        canonical(label_type, value)


def test_predictions_have_probabilities_or_scored_shapes() -> None:
    assert canonical_prediction({"probabilities": {"dog": 0.5}}) == {"probabilities": {"dog": 0.5}}
    assert canonical_prediction({"boxes": [{**DOG, "score": 0.25}]})["boxes"][0]["score"] == 0.25
    with pytest.raises(BadLabel):
        canonical_prediction({"probabilities": {"dog": 1.5}})


def test_classes_are_renamed_in_every_kind_of_label() -> None:
    def rename(name: str) -> str | None:
        return {"dog": "animal", "cat": None}.get(name, name)

    both = {"boxes": [DOG, {**DOG, "class": "cat"}]}
    assert classes(both) == ["dog", "cat"]
    assert with_classes(both, rename) == {"boxes": [{**DOG, "class": "animal"}]}
    assert with_classes({"boxes": [{**DOG, "class": "cat"}]}, rename) == EMPTY
    assert with_classes({"classes": ["car", "cat", "dog"]}, rename) == {"classes": ["animal", "car"]}
    assert with_classes(EMPTY, rename) == EMPTY
    with pytest.raises(BadLabel, match="cat"):
        with_classes({"class": "cat"}, rename)


def test_shapes_beyond_the_picture_are_found() -> None:
    ring = [[0.0, 0.0, 10.0, 0.0, 10.0, 10.0]]
    square = {"size": [4, 6], "counts": "5152O1O0"}
    assert bounds({"polygons": ring}) == (0, 0, 10, 10)
    assert len(bounds({"rle": square})) == 4
    assert list(outside({"boxes": [DOG]}, 31, 42)) == []
    assert list(outside({"boxes": [DOG]}, 29, 42)) == [DOG]
