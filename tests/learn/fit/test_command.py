"""A trainer of the user's own: what it reads, what it writes, and what it does wrong."""

import json
import sys
from pathlib import Path

import pytest

from tasks.labels.snapshot import read_snapshot
from tasks.learn.fit.fit import fit_model
from tasks.learn.models.file import read_predicted
from tasks.learn.models.predict import predict_samples
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError, WinnowError
from tests.learn.made import likeliest, made_root

CLASSES = """
import csv, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with open(sys.argv[2], "w") as out:
    for row in csv.DictReader(open(folder / "labels.csv")):
        assert (folder / row["file"]).read_bytes()[:2] == b"\\xff\\xd8"
        assert row["side"] in ("train", "validation", "test")
        print(json.dumps({"sample_id": row["sample_id"], "probabilities": {row["label"]: 1.0}}), file=out)
"""

BOXES = """
import json, pathlib, sys
told = json.loads((pathlib.Path(sys.argv[1]) / "labels.json").read_text())
names = {one["id"]: one["name"] for one in told["categories"]}
with open(sys.argv[2], "w") as out:
    for image in told["images"]:
        boxes = [
            {"class": names[one["category_id"]], "score": 0.9, **dict(zip(("x", "y", "width", "height"), one["bbox"]))}
            for one in told["annotations"] if one["image_id"] == image["id"]
        ]
        print(json.dumps({"sample_id": image["sample_id"], "boxes": boxes}), file=out)
"""


def settings_for(script: str, place: Path) -> LearnSettings:
    file = place / "a trainer.py"
    file.write_text(script)
    return LearnSettings(command=f"{sys.executable} '{file}' {{snapshot}} {{predictions}}")


def test_fit_model__a_program_that_reads_labels_and_writes_probabilities(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 15)
    fitted = fit_model(root.uri, "s1", settings_for(CLASSES, tmp_path))
    assert fitted.kind == "command"
    values = predict_samples(root, fitted.version, ["s-001", "s-unknown", "s-002"]).to_pylist()
    assert [row["sample_id"] for row in values] == ["s-001", "s-002"]
    assert [likeliest(row["value"]) for row in values] == ["green", "blue"]


def test_fit_model__boxes_come_back_in_pixels_of_the_original(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 10, "boxes")
    fitted = fit_model(root.uri, "s1", settings_for(BOXES, tmp_path))
    labels = read_snapshot(root, "s1").rows["value"].to_pylist()
    for label, value in zip(labels, read_predicted(root, fitted.version)["value"].to_pylist(), strict=True):
        (box,), (found,) = json.loads(label)["boxes"], json.loads(value)["boxes"]
        assert found == {**box, "score": 0.9}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[1]", "line 1"),
        ('{"sample_id": "s-001", "probabilities": {"pink": 1}}', "pink"),
        ('{"sample_id": "s-001", "probabilities": {"red": NaN}}', "line 1"),
        ('{"sample_id": "s-001", "probabilities": {"red": 1}}', "s-000 is missing"),
    ],
)
def test_fit_model__what_a_program_does_wrong_is_told(written: str, words: str, tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    with pytest.raises(UsageError, match=words):
        fit_model(root.uri, "s1", settings_for(f"import sys; open(sys.argv[2], 'w').write({written!r})", tmp_path))
    assert not list(root.storage.names(root.at("models")))


def test_fit_model__a_program_that_fails_or_writes_nothing_is_told(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 5)
    with pytest.raises(WinnowError, match="no GPU here"):
        fit_model(root.uri, "s1", settings_for("import sys; sys.exit('no GPU here')", tmp_path))
    with pytest.raises(UsageError, match="no predictions"):
        fit_model(root.uri, "s1", settings_for("", tmp_path))
    assert not list(root.storage.names(root.at("models")))


@pytest.mark.parametrize(
    "command", ["train", "train {snapshot}", "train {predictions} {other}", "train '{predictions}"]
)
def test_fit_model__a_command_that_names_no_places_is_refused(command: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"learn\.command"):
        fit_model(made_root(tmp_path / "root", 5).uri, "s1", LearnSettings(command=command))
