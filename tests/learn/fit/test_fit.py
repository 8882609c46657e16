"""Fit: one model a snapshot and settings, and a plain word where nothing can be learnt."""

import json
from pathlib import Path

import numpy as np
import pytest

from tasks.labels.snapshot import read_snapshot
from tasks.learn.fit.fit import fit_model
from tasks.learn.fit.version import kind_of
from tasks.learn.models.file import read_config, read_predicted, read_tensors
from tasks.learn.models.predict import predict_samples
from tasks.learn.settings import LearnSettings
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tests.learn.made import CLASSES, likeliest, made_root, make_snapshot

SETTINGS = LearnSettings()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, str]:
    """A root with a probe on classes, and its version."""
    root = made_root(tmp_path_factory.mktemp("learnt") / "root", 90)
    return root, fit_model(root.uri, "s1", SETTINGS).version


def test_fit_model__a_probe_predicts_its_snapshot_and_what_it_did_not_see(learnt: tuple[Root, str]) -> None:
    root, version = learnt
    snapshot = read_snapshot(root, "s1")
    predicted = read_predicted(root, version)
    assert predicted["sample_id"].to_pylist() == snapshot.rows["sample_id"].to_pylist()
    assert predicted["side"].to_pylist() == snapshot.rows["side"].to_pylist()
    test = [row for row in predicted.to_pylist() if row["side"] == "test"]
    again = predict_samples(root, version, [row["sample_id"] for row in test])
    assert again["value"].to_pylist() == [row["value"] for row in test]
    truth = dict(zip(snapshot.rows["sample_id"].to_pylist(), snapshot.rows["value"].to_pylist(), strict=True))
    right = [likeliest(row["value"]) in truth[row["sample_id"]] for row in test]
    assert np.mean(right) > 0.8


def test_fit_model__again_is_the_same_model_and_trains_nothing(learnt: tuple[Root, str], tmp_path: Path) -> None:
    root, version = learnt
    written = (Path(root.uri.removeprefix("file://")) / "models" / version / "model.safetensors").stat().st_mtime_ns
    assert fit_model(root.uri, "s1", SETTINGS).version == version
    now = (Path(root.uri.removeprefix("file://")) / "models" / version / "model.safetensors").stat().st_mtime_ns
    assert now == written
    other = made_root(tmp_path / "root", 90)
    assert fit_model(other.uri, "s1", SETTINGS).version == version
    for name, tensor in read_tensors(root, version).items():
        assert np.array_equal(read_tensors(other, version)[name], tensor)


def test_fit_model__rare_classes_weigh_as_much_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 90)
    ids = [f"s-{number:03d}" for number in range(90) if number % 3 < 2 and (number % 3 == 0 or number < 30)]
    make_snapshot(root, "tail", ids, [{"class": CLASSES[int(one[2:]) % 3]} for one in ids], "class")
    versions = [fit_model(root.uri, "tail", LearnSettings(rebalance=way)).version for way in ("none", "sampling")]
    plain, balanced = (read_tensors(root, version)["bias"] for version in versions)
    rare = CLASSES.index("green")
    assert balanced[rare] > plain[rare]


def test_fit_model__of_several_classes_each_has_a_probability_of_its_own(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 60, "multilabel")
    fitted = fit_model(root.uri, "s1", SETTINGS)
    shares = {
        one: row["probabilities"]
        for one, row in (
            (row["sample_id"], json.loads(row["value"]))
            for row in predict_samples(root, fitted.version, ["s-000", "s-001", "s-002"]).to_pylist()
        )
    }
    assert max(shares["s-000"].values()) < 0.5
    assert shares["s-001"]["red"] > 0.5 < shares["s-001"]["green"]
    assert shares["s-002"]["red"] > 0.5 < shares["s-002"]["blue"]


def test_fit_model__what_cannot_be_learnt_is_told(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 10)
    ids = [f"s-{number:03d}" for number in range(10)]
    make_snapshot(root, "one", ids, [{"class": "red"}] * 10, "class")
    with pytest.raises(UsageError, match="nothing to tell apart"):
        fit_model(root.uri, "one", SETTINGS)
    make_snapshot(root, "masks", ids, [{"answer": "empty"}] * 10, "masks")
    with pytest.raises(UsageError, match="no segmentation"):
        fit_model(root.uri, "masks", SETTINGS)
    assert list(root.storage.names(root.at("models"))) == []


def test_kind_of__a_probe_finds_no_boxes() -> None:
    assert kind_of("boxes", SETTINGS) == "detector"
    with pytest.raises(UsageError, match="finds no boxes"):
        kind_of("boxes", LearnSettings.model_validate({"fit": {"method": "probe"}}))


def test_predict_samples__temperature_softens_what_the_probe_says(learnt: tuple[Root, str]) -> None:
    from tasks.learn.models.file import write_config

    root, version = learnt
    config = read_config(root, version)
    sure = predict_samples(root, version, ["s-004"])["value"][0].as_py()
    write_config(root, config.model_copy(update={"temperature": 4.0}))
    unsure = predict_samples(root, version, ["s-004", "s-unknown"])["value"].to_pylist()
    write_config(root, config)
    assert len(unsure) == 1
    assert likeliest(unsure[0]) == likeliest(sure)
    assert max(json.loads(unsure[0])["probabilities"].values()) < 0.9


def test_predict_samples__weights_of_another_shape_are_told(learnt: tuple[Root, str], tmp_path: Path) -> None:
    from tasks.learn.models.file import save_model

    root, version = learnt
    config = read_config(root, version).model_copy(update={"version": "other"})
    save_model(root, config, {"weights": np.zeros((3, 4), np.float32)}, read_predicted(root, version))
    with pytest.raises(UsageError, match="of another model"):
        predict_samples(root, "other", ["s-000"])
