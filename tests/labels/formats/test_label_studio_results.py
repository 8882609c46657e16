"""Pages and results of Label Studio, without a server: what goes out comes back, and nothing in a name is markup."""

from typing import Any

import defusedxml.ElementTree
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.labels.formats.label_studio_brush import from_brush
from tasks.labels.formats.label_studio_config import as_config, as_instructions, keeping_controls
from tasks.labels.formats.label_studio_results import as_label, as_prediction, as_results
from tasks.labels.formats.runs import from_pixels, pixels
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, LabelType, Value, bounds, canonical

SIZE = (640, 480)

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
attributes = st.dictionaries(names, st.one_of(st.booleans(), names), max_size=2)
spots = st.integers(0, 479_000).map(lambda thousandths: thousandths / 1000)
sides = st.integers(1, 479_000).map(lambda thousandths: thousandths / 1000)
about = {"attributes": attributes, "crowd": st.booleans(), "track": st.one_of(names, st.integers())}
places = {"x": spots, "y": spots, "width": sides, "height": sides}
boxes = st.fixed_dictionaries({"class": names, **places}, optional=about)
rings = st.lists(st.tuples(spots, spots), min_size=3, max_size=5).map(lambda ring: [one for at in ring for one in at])
outlines = st.fixed_dictionaries({"class": names, "polygons": st.lists(rings, min_size=1, max_size=3)}, optional=about)


@st.composite
def painted(draw: Any) -> Value:
    inside = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    for _ in range(draw(st.integers(1, 4))):
        x, y, side = draw(st.integers(0, 600)), draw(st.integers(0, 400)), draw(st.integers(1, 400))
        inside[y : y + side, x : x + side] ^= 1
    return {"class": draw(names), "rle": from_pixels(inside)}


values: st.SearchStrategy[tuple[LabelType, Value]] = st.one_of(
    st.tuples(st.just("class"), st.fixed_dictionaries({"class": names}, optional={"attributes": attributes})),
    st.tuples(st.just("multilabel"), st.fixed_dictionaries({"classes": st.lists(names, min_size=1, max_size=3)})),
    st.tuples(st.just("boxes"), st.fixed_dictionaries({"boxes": st.lists(boxes, max_size=3)})),
    st.tuples(st.just("masks"), st.fixed_dictionaries({"masks": st.lists(st.one_of(outlines, painted()), max_size=3)})),
    st.tuples(st.sampled_from(["class", "boxes"]), st.sampled_from(["unusable", "empty"]).map(lambda a: {"answer": a})),
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_a_label_comes_back_as_it_went(made: tuple[LabelType, Value]) -> None:
    label_type, value = made
    value = canonical(label_type, value)
    assert canonical(label_type, as_label(as_results(value, SIZE), label_type, SIZE)) == value


def test_shapes_are_told_for_the_original_though_a_smaller_picture_was_shown() -> None:
    shown = as_results({"boxes": [{"class": "dog", "x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}]}, (320, 240))
    assert as_label(shown, "boxes", SIZE)["boxes"][0] == {
        "class": "dog", "x": 20.0, "y": 40.0, "width": 60.0, "height": 80.0,
    }  # fmt: skip
    small = np.zeros((240, 320), np.uint8)
    small[10:20, 30:50] = 1
    shown = as_results({"masks": [{"class": "dog", "rle": from_pixels(small)}]}, (320, 240))
    assert bounds(as_label(shown, "masks", SIZE)["masks"][0]) == (60, 20, 100, 40)


def test_the_brush_of_label_studio_itself_is_read() -> None:
    packed = [0, 0, 0, 24, 57, 27, 252, 96, 17, 255, 219, 0, 143, 252]  # label-studio-sdk 2.1.2, brush.encode_rle
    assert pixels(from_brush(packed, (3, 2), (3, 2))).tolist() == [[0, 1, 0], [0, 0, 1]]


def chosen(control: str, *choices: str, **more: Any) -> Value:
    return {"id": control, "from_name": control, "type": "choices", "value": {"choices": list(choices)}, **more}


def region(kind: str, value: Value, **more: Any) -> Value:
    about = {"id": "r", "from_name": "label", "type": kind, "original_width": 640, "original_height": 480}
    return {**about, "value": value, **more}


BOX = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}


@pytest.mark.parametrize(
    ("label_type", "results", "why"),
    [
        ("class", [], "nothing was answered"),
        ("class", [chosen("label", "a"), chosen("label", "b")], "both 'a' and 'b'"),
        ("class", [region("rectanglelabels", {**BOX, "rectanglelabels": ["a"]})], "drawn"),
        ("class", [chosen("answer", "empty"), chosen("label", "a", origin="manual")], "'empty'"),
        ("class", [chosen("answer", "empty"), chosen("answer", "unusable")], "both"),
        ("boxes", [region("rectanglelabels", {**BOX, "rectanglelabels": ["a"], "rotation": 30})], "turned"),
        ("boxes", [region("rectanglelabels", {**BOX, "rectanglelabels": ["a"]}, image_rotation=90)], "turned"),
        ("boxes", [region("rectanglelabels", {**BOX, "rectanglelabels": []})], "0 classes"),
        ("boxes", [region("rectanglelabels", {**BOX, "rectanglelabels": ["a", "b"]})], "2 classes"),
        ("boxes", [region("ellipselabels", {**BOX, "ellipselabels": ["a"]})], "'ellipselabels'"),
        ("boxes", [region("rectanglelabels", {"rectanglelabels": ["a"]})], "KeyError"),
        ("masks", [region("brushlabels", {"rle": [0, 0, 1], "brushlabels": ["a"]})], "damaged"),
        ("masks", [region("brushlabels", {"rle": ["x"], "brushlabels": ["a"]})], "damaged"),
        ("masks", [region("brushlabels", {"rle": [], "brushlabels": ["a"]}, original_width=10**9)], "too large"),
        ("class", [{"type": "choices"}], "KeyError"),
        ("class", ["no result"], "TypeError"),
    ],
)
def test_what_cannot_be_read_says_why(label_type: LabelType, results: list[Any], why: str) -> None:
    with pytest.raises(BadLabel, match=why):
        as_label(results, label_type)


def test_an_answer_takes_the_place_of_pre_labels_left_standing_and_comments_are_passed_over() -> None:
    left = [chosen("label", "dress", origin="prediction"), chosen("answer", "unusable", origin="manual")]
    assert as_label(left, "class") == {"answer": "unusable"}
    comment = {"id": "c", "from_name": "comment", "type": "textarea", "value": {"text": ["hm"]}}
    assert as_label([chosen("label", "dress"), comment], "class") == {"class": "dress"}


def test_predictions_are_the_likeliest_classes_with_their_score() -> None:
    said = {"probabilities": {"dress": 0.7, "hat": 0.6}}
    results, score = as_prediction(said, SIZE, "class")
    assert (as_label(results, "class"), score) == ({"class": "dress"}, 0.7)
    assert as_label(as_prediction(said, SIZE, "multilabel")[0], "multilabel") == {"classes": ["dress", "hat"]}
    nothing = as_prediction({"probabilities": {"dress": 0.2}}, SIZE, "multilabel")
    assert (as_label(nothing[0], "multilabel"), nothing[1]) == ({"answer": "empty"}, 0.8)
    assert as_prediction({"boxes": [{"class": "dog", **BOX, "score": 0.5}]}, SIZE, "boxes")[1] == 0.5


HOSTILE = 'a" onload="x', "<View/>&amp;", "$image", "ü|,\u2028"


def hostile(label_type: LabelType, names: tuple[str, ...] = HOSTILE) -> Ontology:
    told: dict[str, Any] = {
        "name": "clothes",
        "type": label_type,
        "guideline": "<script>alert(1)</script>",
        "classes": [{"name": name, "definition": "a <b>\n", "guideline": name} for name in names],
        "attributes": [{"name": name, "values": list(names)} for name in names] + [{"name": "worn"}],
    }
    return Ontology.model_validate(told)


@pytest.mark.parametrize("label_type", ["class", "multilabel", "boxes", "masks"])
def test_a_page_holds_every_name_as_text(label_type: LabelType) -> None:
    page = defusedxml.ElementTree.fromstring(as_config(hostile(label_type), asks=True))
    controls = [one for one in page.iter() if one.get("toName")]
    assert {one.get("toName") for one in controls} == {"image"}
    assert len({one.get("name") for one in controls}) == len(controls)
    offered = [one.get("alias") or one.get("value") for one in controls[0]]
    assert offered == list(HOSTILE)
    assert not any("$" in (one.get("value") or "") for one in page.iter() if one.tag in ("Label", "Choice"))
    assert [one.get("value") for one in controls[-1]] == ["empty", "unusable"]
    assert "<script>" not in as_instructions(hostile(label_type))


def test_a_page_keeps_what_people_added_and_hides_what_the_ontology_no_longer_has() -> None:
    before, after = hostile("boxes"), hostile("boxes", HOSTILE[:2])
    added = as_config(before).replace("</View>", '<TextArea name="comment" toName="image" /></View>', 1)
    kept = keeping_controls(as_config(after), added)
    page = defusedxml.ElementTree.fromstring(kept)
    names = {one.get("name") for one in page.iter() if one.get("toName")}
    assert names == {one.get("name") for one in defusedxml.ElementTree.fromstring(added).iter() if one.get("toName")}
    hidden = page.findall("View[@style='display:none']/Choices")
    assert len(hidden) == len(HOSTILE) - 2
    assert keeping_controls(as_config(after), kept) == kept
    assert keeping_controls(as_config(after), as_config(after)) == as_config(after)
