"""A detector on real pictures, through the real command: killed it goes on, and its figures are those of COCO."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from flows.settings import Settings
from tasks.annotate.import_labels import import_labels
from tasks.labels.champion import champion_of
from tasks.labels.snapshot import read_snapshot
from tasks.learn.models.file import read_config, read_evaluation, read_predicted, read_tensors
from tasks.store.log import read_log
from tests.learn.evaluate.test_boxes import by_coco
from tests.pipeline import curate, learn, opened, settings_for

OPTIONS = {
    "learn.test_share": 0.3,
    "learn.fit.side": 160,
    "learn.fit.epochs": 2,
    "learn.fit.batch": 8,
    "learn.fit.patience": 2,
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_learn__a_detector_of_real_pictures_is_killed_and_goes_on(data: Path, tmp_path: Path) -> None:
    place, weights = data / "detection" / "voc100", data / "weights" / "mobilenetv2_100_in1k_tv.safetensors"
    options = {"embed.model": "auto", "embed.checkpoint": str(weights), **OPTIONS}
    whole = settings_for(place / "images", tmp_path / "whole", **options)
    curate(whole)
    import_labels.fn(whole.root_uri, str(place / "gts" / "pascalvoc_format"), "voc", "voc")
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    cut = settings_for(place / "images", tmp_path / "cut", **options)
    _kill_after_an_epoch(tmp_path / "cut", options)
    learn(cut)
    learn(whole)
    version = _champion(whole)
    assert _champion(cut) == version
    expected, found = (read_tensors(opened(one), version) for one in (whole, cut))
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    curves = [read_config(opened(one), version).settings["curves"] for one in (whole, cut)]
    assert curves[0] == curves[1]
    assert curves[0][-1]["validation_loss"] < curves[0][0]["validation_loss"]
    _figures_are_those_of_coco(whole, version)


def _kill_after_an_epoch(root: Path, options: dict[str, object]) -> None:
    """Run the command, and kill all of it as soon as there is a checkpoint."""
    told = [f"--set={name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "flows.cli", "learn", "--root", root, *told]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=os.environ, start_new_session=True)
    while not list(root.glob("models/*/checkpoint.safetensors")):
        assert running.poll() is None, "it ended before it wrote a checkpoint"
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not list(root.glob("models/*/model.json"))


def _champion(settings: Settings) -> str:
    found = champion_of(read_log(opened(settings)))
    assert found is not None
    return found.batch_id


def _figures_are_those_of_coco(settings: Settings, version: str) -> None:
    root = opened(settings)
    snapshot, predicted = read_snapshot(root, "snapshot-1"), read_predicted(root, version)
    said = dict(zip(*(predicted[name].to_pylist() for name in ("sample_id", "value")), strict=True))
    test = snapshot.side("test").to_pylist()
    values = [[json.loads(text) for text in (row["value"], said[row["sample_id"]])] for row in test]
    evaluation = read_evaluation(root, version)
    assert evaluation is not None
    told = (evaluation["metrics"]["mAP"]["value"], evaluation["metrics"]["AP50"]["value"])
    assert told == pytest.approx(by_coco(*map(list, zip(*values, strict=True)), snapshot.classes), abs=1e-6)
