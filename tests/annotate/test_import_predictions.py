"""Predictions that come in: one a sample and model version, with how unsure it is."""

import json
import math
from pathlib import Path

import pytest

from tasks.annotate.import_predictions import import_predictions
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.uncertainty import uncertainty
from tasks.store.errors import UsageError
from tests.pipeline import opened, rows, versions


def test_import_predictions__probabilities_from_a_column_a_class(settings, tmp_path: Path) -> None:
    place = tmp_path / "scores.csv"
    place.write_text("file,dog,cat,cow\n00000.jpg,0.5,0.25,0.25\n00001.jpg,1,0,0\n00002.jpg,2,0,0\n")
    done = import_predictions.fn(settings.root_uri, str(place), "csv", "net-1")
    assert (done.new, done.known, done.wrong) == (2, 0, 1)
    found = {row["least_confidence"]: row for row in rows(settings, "SELECT * FROM predictions")}
    assert found[0.5]["margin"] == 0.75
    assert found[0.5]["entropy"] == pytest.approx(1.5 / math.log2(3))
    assert (found[0]["margin"], found[0]["entropy"]) == (0, 0)
    assert json.loads(found[0.5]["value"])["probabilities"] == {"cat": 0.25, "cow": 0.25, "dog": 0.5}
    before = versions(settings)
    assert import_predictions.fn(settings.root_uri, str(place), "csv", "net-1").known == 2
    place.write_text("file,dog,cat,cow\n00000.jpg,0.5,0.5,0\n")
    done = import_predictions.fn(settings.root_uri, str(place), "csv", "net-1")
    assert (done.new, done.known, len(done.notes)) == (0, 1, 1)
    assert versions(settings) == before
    assert import_predictions.fn(settings.root_uri, str(place), "csv", "net-2").new == 1


def test_import_predictions__boxes_with_scores(settings, tmp_path: Path) -> None:
    document = {
        "images": [{"id": number, "file_name": f"0000{number}.jpg"} for number in range(3)],
        "categories": [{"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.01},
            {"id": 2, "image_id": 0, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.75},
            {"id": 3, "image_id": 1, "category_id": 7, "bbox": [1, 2, 300, 4], "score": 0.9},
        ],
    }
    (tmp_path / "found.json").write_text(json.dumps(document))
    done = import_predictions.fn(settings.root_uri, str(tmp_path / "found.json"), "coco", "net-1")
    assert (done.new, done.wrong) == (2, 1)
    found = {len(json.loads(row["value"])["boxes"]): row for row in rows(settings, "SELECT * FROM predictions")}
    assert found[0]["least_confidence"] is None
    assert (found[2]["least_confidence"], found[2]["margin"]) == (0.25, 0.5)
    with pytest.raises(UsageError, match="no ontology"):
        import_predictions.fn(settings.root_uri, str(tmp_path / "found.json"), "coco", "net-2", "animals")


def test_import_predictions__of_several_classes_the_least_sure_counts(settings, tmp_path: Path) -> None:
    several = Ontology(name="tags", type="multilabel", classes=["a", "b", "c"])  # type: ignore[list-item]
    apply_ontology(opened(settings), several)
    place = tmp_path / "scores.csv"
    place.write_text("file,a,b,c\n00000.jpg,0.99,0.98,0.01\n00001.jpg,0.001,0.001,0.001\n00002.jpg,0.99,0.5,0.01\n")
    import_predictions.fn(settings.root_uri, str(place), "csv", "net-1", "tags")
    found = rows(settings, "SELECT p.* FROM predictions p JOIN samples USING (sample_id) ORDER BY source_uri")
    assert [row["margin"] for row in found] == pytest.approx([0.04, 0.002, 1])
    assert [row["least_confidence"] for row in found] == pytest.approx([0.02, 0.001, 0.5])
    assert found[2]["entropy"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("shares", "unsure"),
    [
        ({"a": 0.0, "b": 0.0}, [None, None, None]),
        ({"a": 0.5, "b": 0.5}, [0.5, 1, 1]),
        ({"a": 0.75}, [0.25, None, None]),
    ],
)
def test_uncertainty__is_from_0_to_1(shares: dict[str, float], unsure: list[float | None]) -> None:
    assert list(uncertainty({"probabilities": shares}, 1).values()) == unsure
