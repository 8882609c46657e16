"""An evaluation of a root: where a model fails is named, and a worse one does not pass the gate."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.gate.judge import Verdict, judge
from tasks.gate.settings import GateSettings
from tasks.labels.champion import champion_of
from tasks.learn.evaluate.bootstrap import paired
from tasks.learn.evaluate.evaluate import evaluate_model
from tasks.learn.evaluate.multilabel import MultilabelAnswers
from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.evaluate.traits import QUARTERS, traits_of
from tasks.learn.models.file import model_uri, read_config, read_evaluation
from tasks.learn.settings import LearnSettings
from tasks.store import staging
from tasks.store.errors import Unreachable, UsageError
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.staging import Staged
from tests.learn.evaluate.scene import NAMES, Scene, clothing, snapshot_of, take_in
from tests.review.conftest import Bench


def evaluate(scene: Scene, version: str, **settings: Any) -> tuple[Staged, dict[str, Any]]:
    asked = LearnSettings.model_validate({"evaluate": {"resamples": 200, **settings}})
    staged = evaluate_model.fn(scene.root.uri, scene.snapshot.name, version, asked)
    return staged, read_evaluation(scene.root, version) or {}


def gate(scene: Scene, staged: Staged) -> Verdict:
    return judge.fn(scene.root.uri, staged, "trained", GateSettings())


def findings(scene: Scene, staged: Staged) -> list[dict[str, Any]]:
    (rows,) = staging.read_all(scene.root, [staged.rows_uri])
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


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
    judged = {one["name"] for one in found["slices"]}
    assert {"sensor_id=cam-1", "sensor_id=cam-2", "site=0", "cluster=1", "class=dress"} <= judged
    assert not {"sensor_id=cam-1", "sensor_id=cam-2", "class=dress", "class=pants"} & set(worse)
    named = [one["reason"] for one in findings(scene, staged) if one["kind"] == "weak_slice"]
    assert any("class=skirt & brightness=lowest" in reason for reason in named)
    told = [json.loads(one["suggestion"]) for one in findings(scene, staged) if one["kind"] == "weak_slice"]
    (dark,) = [one["asked"] for one in told if one["slice"] == "class=skirt & brightness=lowest"]
    assert dark[0] == {"class": "skirt"}
    assert (dark[1]["column"], dark[1]["from"] < dark[1]["to"] < 0.5) == ("brightness", True)
    advice = {(one["what"], one["about"]) for one in found["advice"]}
    assert ("slice", "class=skirt & brightness=lowest") in advice
    assert ("check_labels", "skirt / pants") in advice


def test_evaluate_model__where_nothing_is_weak_nothing_is_named(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    _, found = evaluate(scene, "m-1")
    assert len(found["slices"]) > 12
    assert not [one["name"] for one in found["slices"] if one["worse"]]


def test_traits_of__lists_and_objects_of_metadata_are_told_apart_and_many_numbers_are_quarters(root: Root) -> None:
    bench, names = Bench(root, type="class", classes=list(NAMES)), [f"s{number:02d}" for number in range(40)]
    lights = [["front", {"b": 1, "a": 2}], ["front", {"a": 2, "b": 1}], None, []]
    metadata = [{"lights": lights[number % 4], "speed": number} for number in range(40)]
    take_in(bench, names, [{"metadata": json.dumps(one)} for one in metadata])
    traits = traits_of(root, names, ["lights", "speed"])
    assert Counter(traits["lights"].texts.tolist()) == {'["front", {"a": 2, "b": 1}]': 20, "[]": 10, None: 10}
    assert Counter(traits["speed"].texts.tolist()) == dict.fromkeys(QUARTERS, 10)


def test_gate__a_challenger_that_learned_shuffled_labels_is_refused_and_told_why(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    first, _ = evaluate(scene, "m-1")
    assert gate(scene, first).result == "pass"
    scene.promote("m-1")
    scene.train("m-2", labels=np.random.default_rng(0).permutation(scene.label))
    staged, found = evaluate(scene, "m-2")
    verdict = gate(scene, staged)
    assert verdict.result == "hold"
    assert "balanced_accuracy less that of the champion is -0." in verdict.why
    assert "protected slices less those of the champion is class=" in verdict.why
    comparison = found["comparison"]
    assert comparison["champion"] == "m-1"
    assert comparison["high"] < 0 < comparison["p"] < 0.05
    champion = champion_of(read_log(root))
    assert champion is not None
    assert champion.batch_id == "m-1"
    assert not [one for one in findings(scene, staged) if one["kind"] == "model_disagrees"]


def test_comparison__a_better_challenger_is_better_and_the_same_model_is_not(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1", labels=np.random.default_rng(0).permutation(scene.label))
    evaluate(scene, "m-1")
    scene.promote("m-1")
    for version, labels in (("m-2", None), ("m-3", np.random.default_rng(0).permutation(scene.label))):
        scene.train(version, labels=labels)
    better, same = (evaluate(scene, version)[1]["comparison"] for version in ("m-2", "m-3"))
    assert (better["better"], same["better"]) == (True, False)
    assert (same["difference"], same["p"]) == (0, 1)
    names = {one["name"]: one for one in better["slices"]}
    assert {"class=dress", "class=pants", "class=skirt"} <= set(names)
    assert names["class=dress"]["difference"] > 0


def test_comparison__a_champion_of_other_classes_is_asked_among_those_that_both_know(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1", classes=("pants", "dress"))
    evaluate(scene, "m-1")
    scene.promote("m-1")
    scene.train("m-2")
    staged, found = evaluate(scene, "m-2")
    asked = int(((scene.side == "test") & (scene.label != NAMES.index("skirt"))).sum())
    assert staged.facts["note"] == f"Compared on {asked} of 120 samples."
    assert found["comparison"]["difference"] == pytest.approx(0, abs=0.02)
    scene.save("m-3", [{"class": "hat"}] * 300, classes=["hat"])
    evaluate(scene, "m-3")
    scene.promote("m-3")
    scene.train("m-4")
    staged, found = evaluate(scene, "m-4")
    assert found["comparison"] is None
    assert "nothing to compare" in staged.facts["note"]
    assert gate(scene, staged).result == "pass"


def test_comparison__the_champion_is_asked_now_about_samples_that_it_was_not_asked_before(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    evaluate(scene, "m-1")
    scene.promote("m-1")
    scene.train("m-2", labels=np.random.default_rng(0).permutation(scene.label))
    on_file = evaluate(scene, "m-2")[1]["comparison"]
    uri = model_uri(root, "m-1", "predictions.parquet")
    (rows,) = staging.read_all(root, [uri])
    staging.write_rows(root, uri, rows.slice(150))
    asked = evaluate(scene, "m-2")[1]["comparison"]
    assert asked["champion_value"] == pytest.approx(on_file["champion_value"], abs=0.02)
    root.storage.write(model_uri(root, "m-1", "model.safetensors"), b"")
    staged, found = evaluate(scene, "m-2")
    seen = int((scene.side[150:] == "test").sum())
    assert staged.facts["note"] == f"Compared on {seen} of 120 samples."
    assert found["comparison"]["high"] < 0


@pytest.mark.parametrize("name", ["model.json", "predictions.parquet"])
def test_gate__a_champion_whose_files_are_gone_holds_the_challenger(root: Root, name: str) -> None:
    scene = clothing(root)
    scene.train("m-1")
    evaluate(scene, "m-1")
    scene.promote("m-1")
    scene.train("m-2")
    root.storage.delete(model_uri(root, "m-1", name))
    staged, found = evaluate(scene, "m-2")
    verdict = gate(scene, staged)
    assert (verdict.result, found["comparison"]) == ("hold", None)
    assert "comparison with the champion is not possible" in verdict.why


def test_evaluate_model__a_champion_that_cannot_be_read_now_is_asked_again(root: Root) -> None:
    scene = clothing(root)
    scene.train("m-1")
    evaluate(scene, "m-1")
    scene.promote("m-1")
    scene.train("m-2")
    file = Path(model_uri(root, "m-1", "model.json").removeprefix("file://"))
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(Unreachable, match="io_error"):
        evaluate(scene, "m-2")
    file.unlink()
    file.write_bytes(content)
    assert evaluate(scene, "m-2")[1]["comparison"]["champion"] == "m-1"


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


def test_comparison__both_models_are_calibrated(root: Root) -> None:
    chance = np.random.default_rng(0)
    bench, names = Bench(root, type="multilabel", classes=["cat", "dog"]), [f"s{number:03d}" for number in range(200)]
    take_in(bench, names, [{}] * 200)
    there = chance.random((200, 2)) < 0.3
    labels = [
        {"classes": np.array(["cat", "dog"])[row].tolist()} if row.any() else {"answer": "empty"} for row in there
    ]
    snapshot = snapshot_of(bench, names, labels, ["train"] * 20 + ["validation"] * 60 + ["test"] * 120)
    scene = Scene(bench, snapshot, np.zeros(0), np.zeros(0), np.zeros(0))
    noise, better = chance.normal(size=(200, 2)), np.where(np.arange(200) < 80, 1.0, 1.4)[:, None]
    shares = []
    for version, signal in (("m-1", 1.0), ("m-2", better)):
        odds = 0.4 * (signal * (there - 0.5) * 2 + noise)  # less sure than they should be, on all sides
        shares.append(1 / (1 + np.exp(-odds)))
        said = [{"probabilities": dict(zip(("cat", "dog"), row, strict=True))} for row in shares[-1].tolist()]
        scene.save(version, said, "detector")
        _, found = evaluate(scene, version)
        if version == "m-1":
            scene.promote("m-1")
    assert found["calibration"]["temperature"] < 0.3
    champion, challenger = (MultilabelAnswers(("cat", "dog"), there[80:], one[80:]) for one in shares)
    alike = paired(challenger, champion, np.arange(120), EvaluateSettings(resamples=200))
    assert found["comparison"]["p"] == pytest.approx(alike.p, abs=0.01)


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
