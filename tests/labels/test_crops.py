"""Crops: what counts as an object of a sample, and where it is."""

from typing import Any

import pyarrow as pa
import pytest

from tasks.labels.crops import Crop, crops_of, read_crops
from tasks.labels.values import Value, as_text
from tasks.store import tables, views
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS, PREDICTIONS, SAMPLES


def box(x: float, y: float, width: float, height: float, **more: Any) -> Value:
    return {"class": "dog", "x": x, "y": y, "width": width, "height": height, **more}


@pytest.mark.parametrize(
    ("shape", "edges"),
    [
        (box(2.4, 3.6, 10, 5), (2, 3, 13, 9)),
        (box(-5, -5, 20, 20), (0, 0, 15, 15)),
        (box(95, 45, 20, 20), (95, 45, 100, 50)),
        (box(10, 10, 0.2, 0.2), (10, 10, 11, 11)),
        ({"class": "dog", "polygons": [[1.5, 2, 8, 2, 8, 9.5]]}, (1, 2, 8, 10)),
    ],
)
def test_crops_of__whole_pixels_inside_the_picture(shape: Value, edges: tuple[int, int, int, int]) -> None:
    value = {"masks" if "polygons" in shape else "boxes": [shape]}
    assert crops_of("s", value, 100, 50, 0.0) == [Crop("s", *edges)]


def test_crops_of__once_each_and_no_more_than_is_sure_and_there() -> None:
    boxes = [box(1, 1, 5, 5), box(1, 1, 5, 5, score=0.9), box(2, 2, 5, 5, score=0.2), box(200, 1, 5, 5)]
    assert crops_of("s", {"boxes": boxes}, 100, 50, 0.3) == [Crop("s", 1, 1, 6, 6)]
    assert crops_of("s", {"answer": "empty"}, 100, 50, 0.3) == []
    assert crops_of("s", {"probabilities": {"dog": 1.0}}, 100, 50, 0.3) == []


def test_crop_id__is_of_the_sample_and_its_edges() -> None:
    crops = [Crop("s", 1, 1, 6, 6), Crop("s", 1, 1, 6, 66), Crop("t", 1, 1, 6, 6), Crop("s", 11, 1, 6, 6)]
    assert len({crop.crop_id for crop in crops}) == 4
    assert crops[0].crop_id == Crop("s", 1, 1, 6, 6).crop_id


def insert(root: Root, table: Any, rows: list[dict[str, Any]]) -> None:
    tables.insert(root, table, pa.Table.from_pylist(rows, schema=table.schema))


def test_read_crops__labels_with_shapes_count_before_predictions(root: Root) -> None:
    ids = ["a", "b", "c", "d", "e"]
    insert(root, SAMPLES, [{"sample_id": one, "batch_id": "b", "width": 100, "height": 50} for one in ids])
    for event, stage in (("planned", "ingest"), ("committed", "ingest"), ("committed", "dedupe")):
        record(root, lambda _log, event=event, stage=stage: Event("b", event, stage, "made", {}, ""))
    said = as_text({"boxes": [box(1, 1, 5, 5, score=0.9), box(20, 20, 5, 5, score=0.1)]})
    for model in ("m", "other"):
        told = [{"prediction_id": f"{one}{model}", "sample_id": one, "model_version": model} for one in ids[:4]]
        insert(root, PREDICTIONS, [{**one, "value": said if model == "m" else as_text({"boxes": []})} for one in told])
    labels = [
        ("b", "boxes", {"boxes": [box(8, 8, 4, 4)]}),
        ("c", "class", {"class": "dog"}),
        ("d", "boxes", {"answer": "empty"}),
    ]
    insert(
        root,
        ANNOTATIONS,
        [
            {"annotation_id": one, "sample_id": one, "label_type": kind, "value": as_text(value), "origin": "human",
             "ontology": kind}
            for one, kind, value in labels
        ],
    )  # fmt: skip
    predicted, drawn = (1, 1, 6, 6), (8, 8, 12, 12)
    assert read_crops(views.connect(root), "m", 0.3) == {
        "a": [Crop("a", *predicted)],
        "b": [Crop("b", *drawn)],
        "c": [Crop("c", *predicted)],
    }
    assert list(read_crops(views.connect(root), "other", 0.3)) == ["b"]
    assert len(read_crops(views.connect(root), "m", 0.1)["a"]) == 2
