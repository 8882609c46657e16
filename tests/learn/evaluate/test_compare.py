"""A challenger against the champion: compared alike, and held where nobody can tell whether it is worse."""

from pathlib import Path

import numpy as np
import pytest

from tasks.labels.champion import champion_of
from tasks.learn.evaluate.bootstrap import paired
from tasks.learn.evaluate.multilabel import MultilabelAnswers
from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.models.file import model_uri
from tasks.store import staging
from tasks.store.errors import Unreachable
from tasks.store.log import read_log
from tasks.store.root import Root
from tests.learn.evaluate.scene import NAMES, Scene, clothing, evaluate, findings, gate, snapshot_of, take_in
from tests.review.conftest import Bench


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
