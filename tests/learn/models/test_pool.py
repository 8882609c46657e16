"""The champion over the pool: what waits for a label is predicted once by each version, shard by shard."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from flows.settings import Settings
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.learn.due import champions_to_predict
from tasks.learn.models import pool, predict
from tasks.learn.models.file import ModelConfig, save_model
from tasks.learn.models.pool import anything_to_predict, predict_pool
from tasks.learn.settings import LearnSettings
from tasks.store import choices, tables
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.log import Event, record
from tests.learn.models.test_file import CONFIG, PREDICTION
from tests.pipeline import opened, rows, versions
from tests.report.scene import DIMENSIONS, scene

CLASSES = ["cat", "dog", "cow"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A root of 60 samples, six of them duplicates, fifty selected, and two labelled; and of a probe, `m-1`."""
    made = scene(tmp_path, 60)
    root = opened(made)
    ontology = apply_ontology(root, Ontology(name="pets", type="class", classes=CLASSES)).ontology
    labelled = [row["sample_id"] for row in rows(made, "SELECT sample_id FROM kept ORDER BY 1 LIMIT 2")]
    made_labels = [Annotation(one, {"class": "cat"}, "ann") for one in labelled]
    write(root, "annotations", annotation_rows(made_labels, "human", ontology))
    probe(made, "m-1")
    return made


def probe(settings: Settings, version: str, **more: object) -> np.ndarray:
    """A probe on file; its weights."""
    root = opened(settings)
    config = {"version": version, "classes": CLASSES, "embedding": choices.recall(root, "embed.model")["name"]}
    weights = np.random.default_rng(len(version)).normal(size=(3, DIMENSIONS)).astype(np.float32)
    made = ModelConfig.model_validate({**CONFIG.model_dump(), **config, "temperature": 2.0, **more})
    save_model(root, made, {"weights": weights, "bias": np.zeros(3, np.float32)}, PREDICTION)
    return weights


def test_predict_pool__what_waits_for_a_label_calibrated_and_once(settings: Settings) -> None:
    root = opened(settings)
    assert predict_pool.fn(root.uri, "m-1") == {"predicted": 52}
    found = {row["sample_id"]: row for row in rows(settings, "SELECT * FROM predictions")}
    waiting = "SELECT sample_id FROM kept WHERE sample_id NOT IN (SELECT sample_id FROM labels)"
    assert set(found) == {row["sample_id"] for row in rows(settings, waiting)}
    dataset = tables.open_table(root, choices.recall(root, "embed.model")["table"])
    sample, row = next(iter(found.items()))
    vector = tables.matrix(tables.lookup(dataset, "sample_id", [sample], ["vector"])["vector"])[0]
    logits = probe(settings, "m-1") @ (vector / np.linalg.norm(vector)) / 2
    shares = np.exp(logits) / np.exp(logits).sum()
    value = json.loads(row["value"])["probabilities"]
    assert [value[name] for name in CLASSES] == pytest.approx(shares.tolist(), abs=1e-4)
    assert row["least_confidence"] == pytest.approx(1 - max(shares), abs=1e-4)
    assert row["entropy"] == pytest.approx(-sum(one * math.log(one) for one in shares) / math.log(3), abs=1e-4)
    before = versions(settings)
    assert not anything_to_predict(root, "m-1")
    assert predict_pool.fn(root.uri, "m-1") == {"predicted": 0}
    assert versions(settings) == before
    probe(settings, "m-22")
    assert predict_pool.fn(root.uri, "m-22") == {"predicted": 52}
    assert len(rows(settings, "SELECT 1 FROM predictions")) == 104


def test_predict_pool__of_several_classes_the_least_sure_says_how_unsure(settings: Settings) -> None:
    probe(settings, "m-1", label_type="multilabel")
    predict_pool.fn(settings.root_uri, "m-1")
    for row in rows(settings, "SELECT * FROM predictions"):
        shares = json.loads(row["value"])["probabilities"].values()
        assert row["margin"] == pytest.approx(max(1 - abs(2 * share - 1) for share in shares), abs=1e-4)


def test_predict_pool__stopped_half_way_it_goes_on_with_the_rest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, asked, predicted = opened(settings), [], predict._by_probe

    def breaks_off(root, config, tensors, samples):
        asked.append(len(samples))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return predicted(root, config, tensors, samples)

    monkeypatch.setattr(pool, "SHARD", 40)
    monkeypatch.setattr(predict, "_by_probe", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        predict_pool.fn(root.uri, "m-1")
    assert anything_to_predict(root, "m-1")
    assert predict_pool.fn(root.uri, "m-1") == {"predicted": 12}
    assert asked == [40, 12, 12]


def test_champions_to_predict__of_each_ontology_or_of_the_one_to_learn(settings: Settings) -> None:
    root = opened(settings)
    for version, ontology in (("m-0", "pets"), ("m-1", "pets"), ("w-1", "weather")):
        probe(settings, version, ontology=ontology)
        for name in ("planned", "committed"):
            event = Event(version, name, "train", counts={"ontology": ontology})
            record(root, lambda log, event=event: event)
    assert champions_to_predict(root, LearnSettings()) == ["m-1", "w-1"]
    assert champions_to_predict(root, LearnSettings(ontology="pets")) == ["m-1"]
    predict_pool.fn(root.uri, "m-1")
    assert champions_to_predict(root, LearnSettings()) == ["w-1"]
    assert champions_to_predict(root, LearnSettings(ontology="nothing")) == []


def test_predict_pool__of_other_vectors_or_a_program_nothing_is_asked(settings: Settings) -> None:
    probe(settings, "m-1", embedding="another")
    probe(settings, "m-2", kind="command", embedding=None)
    for version in ("m-1", "m-2"):
        assert predict_pool.fn(settings.root_uri, version) == {"predicted": 0}


def test_predict_pool__a_program_is_not_asked_with_a_model_that_was_never_left(settings: Settings) -> None:
    probe(settings, "m-2", kind="command", embedding=None)
    reads, needs_none = "ask {model} {images} {predictions}", "ask {images} {predictions}"
    assert predict_pool.fn(settings.root_uri, "m-2", reads) == {"predicted": 0}
    assert not anything_to_predict(opened(settings), "m-2", reads)
    assert anything_to_predict(opened(settings), "m-2", needs_none)
    with pytest.raises(UsageError, match=r"learn\.predict_command: ask cannot be run"):
        predict_pool.fn(settings.root_uri, "m-2", needs_none)


def test_predict_pool__weights_are_read_once_however_many_shards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SHARD", 20)
    monkeypatch.setattr(pool, "AT_ONCE", 6)
    root = opened(settings)
    reads: list[str] = []
    read = type(root.storage).read
    monkeypatch.setattr(
        type(root.storage), "read", lambda store, uri, *more: (reads.append(uri), read(store, uri, *more))[1]
    )
    assert predict_pool.fn(root.uri, "m-1") == {"predicted": 52}
    assert len([uri for uri in reads if uri.endswith("model.safetensors")]) == 1
