"""Models on file: what was saved is what is read, and nothing else is."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.learn.models.file import (
    PREDICTED,
    ModelConfig,
    has_model,
    model_uri,
    read_config,
    read_evaluation,
    read_predicted,
    read_tensors,
    save_model,
    write_evaluation,
)
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root, open_root

CONFIG = ModelConfig(
    version="snapshot-1-0a1b2c3d",
    kind="probe",
    label_type="class",
    classes=["dog", "\u6587"],
    ontology="pets",
    ontology_version=1,
    snapshot="snapshot-1",
    snapshot_hash="0" * 64,
    test_hash="1" * 64,
)
PREDICTION = pa.Table.from_pylist(
    [{"sample_id": "a", "side": "test", "value": '{"probabilities":{"dog":1.0}}'}], schema=PREDICTED
)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path.as_uri(), create=True)


def test_save_model__round_trip(root: Root) -> None:
    weights = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3).T, "bias": np.zeros(2, np.float32)}
    assert not has_model(root, CONFIG.version)
    save_model(root, CONFIG, weights, PREDICTION)
    assert has_model(root, CONFIG.version)
    assert read_config(root, CONFIG.version) == CONFIG
    found = read_tensors(root, CONFIG.version)
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in weights.items()
    }
    assert read_predicted(root, CONFIG.version).equals(PREDICTION)


def test_read_tensors__a_pickle_is_refused(root: Root) -> None:
    save_model(root, CONFIG, {}, PREDICTION)
    root.storage.write(model_uri(root, CONFIG.version, "model.safetensors"), pickle.dumps({"weights": 1}))
    with pytest.raises(UsageError, match="cannot be read"):
        read_tensors(root, CONFIG.version)


def test_read_config__what_is_not_there_or_damaged_is_told(root: Root) -> None:
    with pytest.raises(UsageError, match="no model none"):
        read_config(root, "none")
    root.storage.write(model_uri(root, "bad", "model.json"), b"{")
    with pytest.raises(UsageError, match="damaged"):
        read_config(root, "bad")


@pytest.mark.parametrize(("name", "read"), [("model.json", read_config), ("model.safetensors", read_tensors)])
def test_read__what_cannot_be_read_now_is_not_gone(root: Root, name: str, read: Callable[[Root, str], object]) -> None:
    file = Path(model_uri(root, CONFIG.version, name).removeprefix("file://"))
    file.parent.mkdir(parents=True)
    file.symlink_to(file)
    with pytest.raises(Unreachable, match="io_error"):
        read(root, CONFIG.version)


def test_write_evaluation__is_read_again(root: Root) -> None:
    assert read_evaluation(root, CONFIG.version) is None
    write_evaluation(root, CONFIG.version, {"metrics": {"accuracy": 0.5}})
    assert read_evaluation(root, CONFIG.version) == {"metrics": {"accuracy": 0.5}}
