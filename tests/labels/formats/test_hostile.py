"""Files that are wrong, broken off or meant to harm: a sentence, or trouble of one picture; never anything else."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.labels.formats import READERS, read_labels
from tasks.store.errors import UsageError

BOMB = (
    """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><annotations>&c;</annotations>"""
)
IMAGES = [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}]
CATEGORIES = [{"id": 1, "name": "dog"}]


def coco(tmp_path: Path, *annotations: Any, **more: Any) -> str:
    place = tmp_path / "labels.json"
    place.write_text(json.dumps({"images": IMAGES, "categories": CATEGORIES, "annotations": list(annotations), **more}))
    return str(place)


def box(**more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], **more}


@pytest.mark.parametrize(
    ("form", "name", "content", "why"),
    [
        ("cvat", "a.xml", BOMB, "declares entities"),
        ("voc", "a.xml", BOMB, "declares entities"),
        ("voc", "a.xml", "<annotation><object>", "only a part"),
        ("voc", "a.xml", "<html/>", "no Pascal VOC"),
        ("cvat", "a.xml", "<annotations><track/></annotations>", "CVAT for images"),
        ("coco", "a.json", '{"images": [', "only a part"),
        ("coco", "a.json", "[" * 100_000, "only a part"),
        ("coco", "a.json", '{"images": [], "annotations": 3}', "no COCO"),
        ("coco", "a.json", "[]", "list of results"),
        ("coco", "a.json", json.dumps({"images": IMAGES, "annotations": [], "categories": []}), "no labels"),
        ("csv", "a.csv", "colour,class\nred,dog\n", "names the pictures"),
        ("csv", "a.csv", 'file,class\n"a.jpg,dog\n', "only a part"),
        ("csv", "a.csv", "file,weather\na.jpg,rain\n", "could not convert"),
        ("csv", "a.csv", "\xff\xfe", "UTF-8"),
        ("openimages", "a.csv", "file,class\na.jpg,dog\n", "no Open Images"),
        ("yolo", "a.txt", "0 0.5 0.5 0.1 0.1\n", "what the classes are called"),
        ("label-studio", "a.json", '[{"data": {', "only a part"),
        ("label-studio", "a.json", '{"images": []}', "no list of Label Studio's tasks"),
        ("label-studio", "a.json", '[{"image": "a.jpg", "choice": "dress"}]', "not as JSON-MIN"),
        ("label-studio", "a.json", '[{"data": {"text": "a"}}, {"data": {"image": "a.jpg"}}]', "no labels.*no picture"),
        ("yolo", "a.yaml", "names: [[dog]]", "no text files"),
        ("folders", "a.txt", "", "no labels"),
        ("cvat", "a.json", "{}", "none that end in .xml"),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(form: str, name: str, content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=why):
        read_labels(form, str(tmp_path))


@pytest.mark.parametrize(
    "wrong",
    [
        box(bbox=[1, 2, 3]),
        box(bbox=[1, 2, "x", 4]),
        box(bbox=[1, 2, 0, 4]),
        box(bbox=[1, 2, float("nan"), 4]),
        box(bbox=[10**400, 2, 3, 4]),
        box(category_id=9),
        box(category_id=[1]),
        box(image_id=1, bbox=None),
        box(image_id={"a": 1}),
        box(attributes={"pose": "\ud800"}),
        "nothing",
    ],
)
def test_a_wrong_row_costs_only_itself(wrong: Any, tmp_path: Path) -> None:
    found = read_labels("coco", coco(tmp_path, wrong, box()))
    (picture,) = found.pictures
    assert picture.value == {"boxes": [{"class": "dog", "x": 1, "y": 2, "width": 3, "height": 4}]}
    assert len(picture.trouble) + len(found.trouble) == 1


@pytest.mark.parametrize(
    "runs",
    [
        {"size": [80, 100], "counts": "P" * 50},
        {"size": [80, 100], "counts": "\x00\x7f"},
        {"size": [80, 100], "counts": [8000, 1]},
        {"size": [80, 100], "counts": [-5, 8005]},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [0, 0], "counts": ""},
        {"counts": "0"},
    ],
)
def test_runs_that_do_not_fill_the_picture_reach_no_c_code(runs: dict[str, Any], tmp_path: Path) -> None:
    good = box(segmentation={"size": [80, 100], "counts": [10, 5, 7985]})
    found = read_labels("coco", coco(tmp_path, box(segmentation=runs), good), "masks")
    (picture,) = found.pictures
    assert picture.value is not None
    assert len(picture.value["masks"]) == 1
    assert len(picture.trouble) == 1


def test_a_picture_of_which_nothing_can_be_read_is_not_empty(tmp_path: Path) -> None:
    two = [*IMAGES, {"id": 2, "file_name": "b.jpg"}]
    found = read_labels("coco", coco(tmp_path, box(bbox=[]), box(image_id=2), images=two))
    assert [picture.value is None for picture in found.pictures] == [True, False]


@pytest.mark.parametrize("form", list(READERS))
def test_a_type_that_a_format_cannot_hold_is_refused(form: str, tmp_path: Path) -> None:
    lacking = {"class", "multilabel", "boxes", "masks"} - set(READERS[form].HOLDS)
    for kind in lacking:
        with pytest.raises(UsageError, match=f"no {kind}"):
            read_labels(form, str(tmp_path), kind)
    assert lacking or form in ("csv", "cvat", "label-studio")
