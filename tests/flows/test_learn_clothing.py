"""Classes of real photographs with their own train, validation and test folders, from the files to the evaluation."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flows.settings import Settings
from tasks.annotate.import_labels import import_labels
from tasks.labels.champion import champion_of, models_of
from tasks.labels.snapshot import Snapshot, read_snapshot
from tasks.learn.fit.settings import FitSettings
from tasks.learn.models.file import read_evaluation, read_tensors
from tasks.learn.models.vectors import read_vectors, recorded_backbone
from tasks.store.log import read_log
from tests.pipeline import curate, learn, opened, settings_for

DARKENED = "shorts"
EPOCHS = 5
LIGHT = 0.05
"""How much of their light the test pictures of one class keep."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_learn__a_probe_beats_its_neighbours_and_is_the_same_again(data: Path, tmp_path: Path) -> None:
    source = data / "photos" / "clothing"
    one, two = (_learnt(source, data, tmp_path / name) for name in ("one", "two"))
    accuracy = _accuracy(one, _champion(one))
    neighbours = _accuracy_of_neighbours(one, 5)
    print(f"accuracy on the test folder: probe {accuracy:.4f}, 5 nearest neighbours {neighbours:.4f}")
    assert accuracy > neighbours > 0.9
    assert _evaluation(two)["metrics"] == _evaluation(one)["metrics"]
    first, second = (read_tensors(opened(settings), _champion(settings)) for settings in (one, two))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_learn__a_few_epochs_of_fine_tuning_are_not_worse_than_the_probe(data: Path, tmp_path: Path) -> None:
    settings = _learnt(data / "photos" / "clothing", data, tmp_path / "root")
    probe = _champion(settings)
    fit = FitSettings(method="finetune", epochs=EPOCHS)
    learn(settings.model_copy(update={"learn": settings.learn.model_copy(update={"fit": fit})}))
    [tuned] = [one.batch_id for one in models_of(read_log(opened(settings))) if one.batch_id != probe]
    before, after = (_accuracy(settings, version) for version in (probe, tuned))
    print(f"accuracy on the test folder: probe {before:.4f}, after {EPOCHS} epochs of fine-tuning {after:.4f}")
    assert after >= before


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_learn__a_class_that_is_dark_in_the_test_folder_is_named(data: Path, tmp_path: Path) -> None:
    clothing = data / "photos" / "clothing"
    for place in clothing.rglob("*.jpg"):
        copy = tmp_path / "source" / place.relative_to(clothing)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copy.parts[-3:-1] == ("test", DARKENED):
            cv2.imwrite(str(copy), (cv2.imread(str(place)) * LIGHT).astype(np.uint8))
        else:
            copy.symlink_to(place)
    evaluation = _evaluation(_learnt(tmp_path / "source", data, tmp_path / "root"))
    worse = [one for one in evaluation["slices"] if one["worse"]]
    assert f"class={DARKENED}" in [one["name"] for one in worse[:2]]
    assert "brightness=lowest" in [one["name"] for one in worse]
    assert not any(one["name"].startswith("class=") and DARKENED not in one["name"] for one in worse)
    assert any(f"class={DARKENED}" in one["words"] for one in evaluation["advice"])


def _learnt(source: Path, data: Path, root: Path) -> Settings:
    """Curate the folders, take the names of the folders as labels, train and evaluate."""
    weights = data / "weights" / "mobilenetv2_100_in1k_tv.safetensors"
    options: dict[str, Any] = {"embed.model": "auto", "embed.checkpoint": str(weights)}
    options |= {f"learn.split.{side}_where": f"source_uri LIKE '%/{side}/%'" for side in ("validation", "test")}
    settings = settings_for(source, root, **options)
    curate(settings)
    table = root.with_suffix(".csv")
    with table.open("w", newline="") as lines:
        named = [(place.relative_to(source), place.parent.name) for place in source.rglob("*.jpg")]
        csv.writer(lines).writerows([("file", "class"), *named])
    import_labels.fn(settings.root_uri, str(table), "csv", "clothes")
    learn(settings)
    return settings


def _champion(settings: Settings) -> str:
    found = champion_of(read_log(opened(settings)))
    assert found is not None
    return found.batch_id


def _evaluation(settings: Settings) -> dict[str, Any]:
    return _evaluation_of(settings, _champion(settings))


def _evaluation_of(settings: Settings, version: str) -> dict[str, Any]:
    found = read_evaluation(opened(settings), version)
    assert found is not None
    return found


def _accuracy(settings: Settings, version: str) -> float:
    return float(_evaluation_of(settings, version)["metrics"]["accuracy"]["value"])


def _accuracy_of_neighbours(settings: Settings, count: int) -> float:
    """Of a vote of the nearest vectors of train and validation, on the test folder; ties go to the nearest."""
    root = opened(settings)
    snapshot = read_snapshot(root, "snapshot-1")
    known, truth = _vectors_and_classes(settings, snapshot, ("train", "validation"))
    asked, answers = _vectors_and_classes(settings, snapshot, ("test",))
    likeness = asked @ known.T
    nearest = np.argsort(-likeness, axis=1)[:, :count]
    votes = np.zeros((len(asked), truth.max() + 1))
    for row, places in enumerate(nearest):
        np.add.at(votes[row], truth[places], 1 + 1e-3 * likeness[row, places])
    return float((votes.argmax(axis=1) == answers).mean())


def _vectors_and_classes(
    settings: Settings, snapshot: Snapshot, sides: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    root = opened(settings)
    rows = {
        row["sample_id"]: json.loads(row["value"])["class"] for row in snapshot.rows.to_pylist() if row["side"] in sides
    }
    ids, vectors = read_vectors(root, str(recorded_backbone(root)["name"]), list(rows))
    return vectors, np.array([snapshot.classes.index(rows[one]) for one in ids])
