"""Fine-tuning: it learns, it gives the same again, and a training that was killed goes on to the same weights."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.labels.snapshot import read_snapshot
from tasks.learn.fit.draws import batches_of, draws_of
from tasks.learn.fit.fit import fit_model
from tasks.learn.models.file import read_config, read_predicted, read_tensors, save_model
from tasks.learn.models.predict import predict_samples
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tests.learn.fit.conftest import SMALL
from tests.learn.made import made_root, make_snapshot

CLASSIFIER = {"fit": {"method": "finetune", "side": 64, "epochs": 3, "batch": 16, "patience": 3}}
DETECTOR = {
    "fit": {"architecture": SMALL, "pretrained": False, "side": 96, "epochs": 2, "batch": 8, "patience": 3}
}  # fmt: skip

_TRAIN = "import sys, json; from tasks.learn.fit.fit import fit_model; from tasks.learn.settings import LearnSettings; "
_TRAIN += "fit_model(sys.argv[1], 's1', LearnSettings.model_validate(json.loads(sys.argv[2])))"


def test_fit_model__a_classifier_learns_and_predicts_what_it_predicted(checkpoint: Path, tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 60, checkpoint=checkpoint)
    fitted = fit_model(root.uri, "s1", LearnSettings.model_validate(CLASSIFIER))
    config = read_config(root, fitted.version)
    assert (fitted.kind, fitted.epochs, config.architecture, config.side) == ("classifier", 3, SMALL, 64)
    curves = config.settings["curves"]
    assert min(one["validation_loss"] for one in curves) <= curves[0]["validation_loss"]
    rows = [row for row in read_predicted(root, fitted.version).to_pylist() if row["side"] == "test"]
    again = predict_samples(root, fitted.version, [*(row["sample_id"] for row in rows), "unknown"]).to_pylist()
    for row, other in zip(rows, again, strict=True):
        one, two = (json.loads(text)["probabilities"] for text in (row["value"], other["value"]))
        assert all(abs(one[name] - two[name]) < 0.02 for name in one)
    assert not list(root.storage.names(root.at("staging", "s1", "pixels")))
    _refuses_another_architecture(root, fitted.version)


def _refuses_another_architecture(root: Root, version: str) -> None:
    config = read_config(root, version).model_copy(update={"version": "other", "architecture": "resnet18"})
    save_model(root, config, read_tensors(root, version), read_predicted(root, version))
    with pytest.raises(UsageError, match="not of resnet18"):
        predict_samples(root, "other", ["s-000"])


@pytest.mark.parametrize(
    ("label_type", "asked"), [("multilabel", CLASSIFIER), pytest.param("boxes", DETECTOR, marks=pytest.mark.slow)]
)
def test_fit_model__killed_it_goes_on_to_the_same_weights(
    label_type: Any, asked: dict[str, Any], checkpoint: Path, tmp_path: Path
) -> None:
    whole = made_root(tmp_path / "whole", 30, label_type, checkpoint)
    settings = LearnSettings.model_validate(asked)
    version = fit_model(whole.uri, "s1", settings).version
    cut = made_root(tmp_path / "cut", 30, label_type, checkpoint)
    _kill_after_an_epoch(cut, version, asked)
    assert fit_model(cut.uri, "s1", settings).version == version
    expected, found = read_tensors(whole, version), read_tensors(cut, version)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert read_config(cut, version).settings["curves"] == read_config(whole, version).settings["curves"]
    assert read_predicted(cut, version).equals(read_predicted(whole, version))


def _kill_after_an_epoch(root: Root, version: str, asked: dict[str, Any]) -> None:
    """Train in a process of its own, and end it as soon as a checkpoint is there."""
    place = Path(root.uri.removeprefix("file://")) / "models" / version / "checkpoint.safetensors"
    running = subprocess.Popen(
        [sys.executable, "-c", _TRAIN, root.uri, json.dumps(asked)], cwd=Path(__file__).parents[3], env=os.environ
    )
    while not place.exists():
        assert running.poll() is None, "it ended before it wrote a checkpoint"
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (place.parent / "model.json").exists()


def test_fit_model__an_odd_number_of_pictures_is_mixed(checkpoint: Path, tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 21, checkpoint=checkpoint)
    mixed = {"fit": {**CLASSIFIER["fit"], "side": 32, "epochs": 1, "batch": 32, "mixup": 0.2, "cutmix": 1.0}}
    fitted = fit_model(root.uri, "s1", LearnSettings.model_validate(mixed))
    assert (fitted.epochs, fitted.trained) == (1, 13)


def test_fit_model__a_box_too_thin_to_be_seen_is_left_out(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 10, "boxes")
    box = {"class": "red", "x": 0.0, "y": 20.0, "width": 40.0, "height": 60.0}
    boxes = [{"boxes": [box, box | thin]} for thin in ({"width": 1e-6}, {"x": 80.0, "height": 1e-6})]
    make_snapshot(root, "thin", [f"s-{number:03d}" for number in range(10)], boxes * 5, "boxes")
    settings = LearnSettings.model_validate({"fit": {**DETECTOR["fit"], "side": 32, "epochs": 1}})
    assert fit_model(root.uri, "thin", settings).trained == 6


def test_fit_model__a_detector_predicts_boxes_in_pixels_of_the_original(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 20, "boxes")
    settings = LearnSettings.model_validate({"fit": {**DETECTOR["fit"], "epochs": 1}})
    version = fit_model(root.uri, "s1", settings).version
    snapshot = read_snapshot(root, "s1")
    values = [
        json.loads(text)
        for text in predict_samples(root, version, snapshot.rows["sample_id"].to_pylist())["value"].to_pylist()
    ]
    boxes = [box for value in values for box in value["boxes"]]
    assert len(values) == 20
    for box in boxes:
        assert 0 <= box["score"] <= 1
        assert box["x"] >= 0 <= box["y"]
        assert box["x"] + box["width"] <= 192.01
        assert box["y"] + box["height"] <= 128.01


def test_fit_model__without_a_backbone_it_says_how_to_get_one(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 15)
    with pytest.raises(UsageError, match="--checkpoint FILE"):
        fit_model(root.uri, "s1", LearnSettings.model_validate(CLASSIFIER))
    with pytest.raises(UsageError, match="neither cached"):
        fit_model(root.uri, "s1", LearnSettings.model_validate({"fit": {"method": "finetune", "architecture": SMALL}}))


def test_draws_of__rare_classes_are_seen_as_often_and_copies_only_fill_up() -> None:
    there = np.repeat(np.eye(3, dtype=np.float32), [80, 20, 5], axis=0)
    rows = np.arange(105)
    epochs = [draws_of(rows, there, "sampling", 0, epoch) for epoch in range(1, 40)]
    counts = sum(there[[draw.row for draw in draws]].sum(axis=0) for draws in epochs)
    assert np.allclose(counts / counts.sum(), 1 / 3, atol=0.02)
    copies = draws_of(rows, there, "synthetic", 0, 1)
    assert there[[draw.row for draw in copies]].sum(axis=0).tolist() == [80, 20, 20]
    assert all(draw.row >= 100 for draw in copies if draw.altered)
    assert sum(draw.altered for draw in copies) == 15
    assert draws_of(rows, there, "none", 0, 1) == draws_of(rows, there, "none", 0, 1)
    assert sorted(draw.row for draw in draws_of(rows, there, "none", 0, 2)) == rows.tolist()
    assert {len(batch) for batch in batches_of(copies, 16)} == {16}
