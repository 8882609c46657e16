"""An evaluation of a root: how good a model is, where it fails, and what the gate sees of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.learn.evaluate.evaluate import evaluate_model
from tasks.learn.models.file import model_uri, read_config
from tasks.learn.settings import LearnSettings
from tasks.store import staging
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tests.learn.evaluate.scene import NAMES, Scene, clothing, evaluate, findings, gate, snapshot_of, take_in
from tests.review.conftest import Bench


def test_evaluate_model__says_how_good_a_model_is(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    staged, found = evaluate(scene, "m-1")
    assert found["sides"] == {"train": 120, "validation": 60, "test": 120}
    metric = found["metrics"]["balanced_accuracy"]
    assert 0.7 < metric["low"] < metric["value"] < metric["high"] <= 1
    assert sum(map(sum, found["confusion"]["counts"])) == sum(one["support"] for one in found["per_class"]) == 120
    assert found["calibration"]["ece_after"] < 0.1
    assert read_config(root, "m-1").temperature == found["calibration"]["temperature"]
    (planned,) = [event for event in read_log(root).events if event.batch_id == "m-1"]
    assert (planned.event, planned.stage) == ("planned", "train")
    assert planned.counts == {
        "ontology": "things", "snapshot": "snapshot-1", "test_hash": scene.snapshot.test_hash, "kind": "probe",
        "metric": "balanced_accuracy", "trained": 120, "labels": 300, **metric,
    }  # fmt: skip
    assert gate(scene, staged).result == "pass"


def test_evaluate_model__again_changes_nothing(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    first, before = evaluate(scene, "m-1")
    file = Path(model_uri(root, "m-1", "evaluation.json").removeprefix("file://"))
    content = file.read_bytes()
    again, after = evaluate(scene, "m-1")
    assert (again, after, file.read_bytes()) == (first, before, content)
    assert len(read_log(root).batches["m-1"].events) == 1
    scene.promote("m-1")
    assert evaluate(scene, "m-1")[1]["comparison"] is None


def test_evaluate_model__a_weak_slice_is_named(root: Root) -> None:
    scene = clothing(root, darken=True)
    scene.train("m-1")
    staged, found = evaluate(scene, "m-1", slices=["site"])
    worse = {one["name"]: one for one in found["slices"] if one["worse"]}
    assert {"class=skirt", "brightness=lowest", "class=skirt & brightness=lowest"} <= set(worse)
    crossed = worse["class=skirt & brightness=lowest"]
    assert crossed["value"] < 0.2 < 0.85 < crossed["rest"]
    assert crossed["low"] <= crossed["value"] < crossed["high"] < 0.5
    judged = {one["name"] for one in found["slices"]}
    assert {"sensor_id=cam-1", "sensor_id=cam-2", "site=0", "cluster=1", "class=dress"} <= judged
    assert not {"sensor_id=cam-1", "sensor_id=cam-2", "class=dress", "class=pants"} & set(worse)
    named = [one["reason"] for one in findings(scene, staged) if one["kind"] == "weak_slice"]
    assert any("class=skirt & brightness=lowest" in reason for reason in named)
    told = [json.loads(one["suggestion"]) for one in findings(scene, staged) if one["kind"] == "weak_slice"]
    (dark,) = [one["asked"] for one in told if one["slice"] == "class=skirt & brightness=lowest"]
    assert dark[0] == {"class": "skirt"}
    assert (list(dark[1]), dark[1]["column"], dark[1]["to"] < 0.5) == (["column", "to"], "brightness", True)
    advice = {(one["what"], one["about"]) for one in found["advice"]}
    assert ("slice", "class=skirt & brightness=lowest") in advice
    assert ("check_labels", "skirt / pants") in advice


def test_evaluate_model__where_nothing_is_weak_nothing_is_named(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    _, found = evaluate(scene, "m-1")
    assert len(found["slices"]) > 12
    assert not [one["name"] for one in found["slices"] if one["worse"]]


def test_gate__samples_without_a_prediction_hold(root: Root) -> None:
    scene = clothing(root)
    values: list[dict[str, Any]] = [{"class": NAMES[code]} for code in scene.label]
    values[3:6] = [{"probabilities": {"dress": float("inf")}}, {"probabilities": {}}, {"class": "dress", "more": 1}]
    scene.save("m-1", [{"class": "dress"}] * 300)
    uri = model_uri(root, "m-1", "predictions.parquet")
    (rows,) = staging.read_all(root, [uri])
    texts = [str(value).replace("'", '"').replace("inf", "Infinity") for value in values]
    staging.write_rows(root, uri, rows.set_column(2, "value", [texts]))
    staged, found = evaluate(scene, "m-1")
    assert staged.facts["unsaid"] == 3
    assert found["calibration"] is None
    verdict = gate(scene, staged)
    assert (verdict.result, verdict.why) == ("hold", "number of samples without a prediction is 3 (at most 0)")


def test_findings__labels_that_a_sure_model_contradicts_unless_somebody_decided(root: Root) -> None:
    scene = clothing(root, spread=0.3)
    test = np.nonzero(scene.side == "test")[0][:3].tolist()
    values = [{"probabilities": {NAMES[code]: 0.97, NAMES[code - 1]: 0.03}} for code in scene.label]
    for place in test:
        values[place] = {"probabilities": {NAMES[scene.label[place] - 1]: 0.98, NAMES[scene.label[place]]: 0.02}}
    rows = scene.snapshot.rows.to_pylist()
    kept = rows[test[0]]
    scene.bench.say(
        "eve", {kept["sample_id"]: {"class": NAMES[scene.label[test[0]]]}}, status="reviewed",
        replaces=kept["annotation_id"],
    )  # fmt: skip
    scene.save("m-1", values)
    staged, found = evaluate(scene, "m-1")
    doubts = [one for one in findings(scene, staged) if one["kind"] == "model_disagrees"]
    assert sorted(one["sample_id"] for one in doubts) == sorted(rows[place]["sample_id"] for place in test[1:])
    assert {one["annotation_id"] for one in doubts} == {rows[place]["annotation_id"] for place in test[1:]}
    wrong = {one["sample_id"]: one["label_error"] for one in found["errors"]}
    assert wrong == {rows[place]["sample_id"]: place != test[0] for place in test}
    scene.save("m-2", values)
    again = findings(scene, evaluate(scene, "m-2")[0])
    assert {one["finding_id"] for one in again} == {one["finding_id"] for one in doubts}


def test_evaluate_model__what_a_probe_cannot_see_is_left_out_and_told(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    uri = model_uri(root, "m-1", "predictions.parquet")
    (rows,) = staging.read_all(root, [uri])
    staging.write_rows(root, uri, rows.slice(60))
    staged, found = evaluate(scene, "m-1")
    assert (staged.facts["samples"], staged.facts["unseen"], staged.facts["unsaid"]) == (300, 60, 0)
    assert sum(found["sides"].values()) == 240
    assert read_log(root).batches["m-1"].planned.counts["test_hash"] == scene.snapshot.test_hash
    verdict = gate(scene, staged)
    assert (verdict.result, verdict.why) == ("warn", "share of samples that the model cannot see is 0.2 (at most 0.1)")


def boxes(x: float, name: str = "dog", **more: float) -> dict[str, Any]:
    return {"boxes": [{"class": name, "x": x, "y": 10.0, "width": 20.0, "height": 20.0, **more}]}


def test_evaluate_model__boxes_and_several_classes_go_the_same_way(root: Root, tmp_path: Path) -> None:
    for kind, label, right, wrong in (
        ("boxes", boxes(10.0), boxes(11.0, score=0.8), boxes(50.0, "cat", score=0.95)),
        ("multilabel", {"classes": ["dog"]}, *({"probabilities": {"dog": p, "cat": 1 - p}} for p in (0.9, 0.04))),
    ):
        bench = Bench(open_root(tmp_path / kind, create=True), type=kind, classes=["cat", "dog"])
        names = [f"s{number:03d}" for number in range(90)]
        take_in(bench, names, [{"brightness": 0.1 if number % 10 == 2 else 0.5} for number in range(90)])
        labels = [label if number % 3 else {"answer": "empty"} for number in range(90)]
        snapshot = snapshot_of(bench, names, labels, (["train"] * 20 + ["validation"] * 20 + ["test"] * 50))
        scene = Scene(bench, snapshot, np.zeros(0), np.zeros(0), np.zeros(0))
        nothing = {"probabilities": {"dog": 0.1, "cat": 0.1}} if kind == "multilabel" else {"boxes": []}
        weak = [right if number % 10 != 2 else wrong for number in range(90)]
        said = [one if number % 3 else nothing for number, one in enumerate(weak)]
        scene.save("m-1", [nothing if number % 2 else one for number, one in enumerate(said)], kind="detector")
        assert gate(scene, evaluate(scene, "m-1")[0]).result != "hold"
        scene.promote("m-1")
        scene.save("m-2", said, kind="detector")
        staged, found = evaluate(scene, "m-2")
        assert found["metric"] == "mAP"
        assert 0.5 < found["metrics"]["mAP"]["low"] < found["metrics"]["mAP"]["value"] < 1
        assert found["per_class"][1]["support"] == sum(number % 3 > 0 for number in range(40, 90))
        assert found["comparison"]["better"]
        assert {"false_negative", "false_positive"} == {one["kind"] for one in found["errors"]}
        assert {one["kind"] for one in findings(scene, staged)} >= {"model_disagrees"}


def test_evaluate_model__what_cannot_be_tested_is_told(root: Root) -> None:
    scene = clothing(root, rows=30)
    scene.train("m-1")
    with pytest.raises(UsageError, match="no sample for testing has a column or metadata key 'weather'"):
        evaluate(scene, "m-1", slices=["weather"])
    values = [{"class": "dress"}] * 30
    names = [f"s{number:04d}" for number in range(30)]
    untested = snapshot_of(scene.bench, names, values, ["train"] * 30, name="snapshot-2")
    with pytest.raises(UsageError, match="no sample for testing"):
        evaluate_model.fn(root.uri, untested.name, "m-1", LearnSettings())
