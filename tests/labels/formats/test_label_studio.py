"""Exports of Label Studio as people have them: which label counts, and which picture it is of."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.labels.formats import read_labels
from tasks.labels.formats.label_studio_results import as_results
from tasks.labels.values import Value

SIZE = (640, 480)


def task(image: str, *values: Value, **more: Any) -> dict[str, Any]:
    made = [
        {"result": as_results(value, SIZE), "updated_at": f"2026-01-0{day + 1}"} for day, value in enumerate(values)
    ]
    return {"data": {"image": image}, "annotations": made, **more}


def written(folder: Path, *tasks: dict[str, Any]) -> str:
    place = folder / "export.json"
    place.write_text(json.dumps(tasks))
    return str(place)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/local-files/?d=handoff/s/a%20b.jpg", "handoff/s/a b.jpg"),
        ("/data/upload/3/1a2b3c4d-a%20b.jpg", "a b.jpg"),
        ("s3://bucket/pictures/a%20b.jpg", "s3://bucket/pictures/a b.jpg"),
        ("https://example.org/a.jpg?X-Amz-Signature=f", "https://example.org/a.jpg"),
        ("a%20b?.jpg", "a%20b?.jpg"),
    ],
)
def test_a_picture_is_known_by_its_file_however_it_was_served(image: str, name: str, tmp_path: Path) -> None:
    found = read_labels("label-studio", written(tmp_path, task(image, {"class": "hat"})))
    assert [picture.name for picture in found.pictures] == [name]


def test_of_several_labels_the_newest_counts_unless_there_is_a_ground_truth_and_none_that_was_skipped(
    tmp_path: Path,
) -> None:
    both = task("a.jpg", {"class": "hat"}, {"class": "dress"})
    certain = task("b.jpg", {"class": "hat"}, {"class": "dress"})
    certain["annotations"][0]["ground_truth"] = True
    skipped = task("c.jpg", {"class": "hat"}, {"class": "dress"})
    skipped["annotations"][1]["was_cancelled"] = True
    open_task = task("d.jpg")
    open_task["data"]["sample_id"] = "s" * 64
    found = read_labels("label-studio", written(tmp_path, both, certain, skipped, open_task))
    assert [(picture.name[0], picture.value) for picture in found.pictures] == [
        ("a", {"class": "dress"}), ("b", {"class": "hat"}), ("c", {"class": "hat"}), ("s", None),
    ]  # fmt: skip
    assert (found.classes, found.stated) == (["dress", "hat"], 3)
    assert "2 pictures were labelled more than once" in found.notes[0]


def test_the_type_is_that_of_the_answers_and_a_wrong_label_costs_only_its_picture(tmp_path: Path) -> None:
    box = {"class": "hat", "x": 8.0, "y": 4.0, "width": 16.0, "height": 12.0}
    turned = task("b.jpg", {"boxes": [box]})
    turned["annotations"][0]["result"][0]["value"]["rotation"] = 45
    found = read_labels("label-studio", written(tmp_path, task("a.jpg", {"boxes": [box]}), turned))
    assert (found.type, found.pictures[0].value) == ("boxes", {"boxes": [box]})
    assert (found.pictures[0].width, found.pictures[0].height) == SIZE
    assert found.pictures[1].value is None
    assert "turned" in found.pictures[1].trouble[0]
    several = task("c.jpg", {"classes": ["a", "b"]})
    assert read_labels("label-studio", written(tmp_path, several)).type == "multilabel"
