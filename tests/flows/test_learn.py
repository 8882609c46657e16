"""Round the circle: labels to a snapshot, a model, a champion, predictions, and the next selection."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.loop import run, settle
from flows.settings import Settings
from tasks.annotate.import_labels import import_labels
from tasks.gate.settle import release
from tasks.labels.champion import champion_of
from tasks.learn.due import anything_to_learn, snapshot_to_train, trains_unasked
from tasks.learn.models.file import read_evaluation
from tasks.report.page import has_report
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tests.learn.fit.test_command import CLASSES as CLASSES_TRAINER
from tests.learn.fit.test_command import settings_for as trainer_settings
from tests.made import Maker
from tests.pipeline import curate, learn, opened, rows, settings_for, versions

CLASSES = ("red", "green", "blue")
SAMPLES = 90


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of pictures that have one of three tints, and a root in which they are curated."""
    place = tmp_path_factory.mktemp("made")
    maker = Maker(place / "source")
    maker.tinted(SAMPLES)
    curate(settings_for(maker.folder, place / "root"))
    return place


@pytest.fixture
def settings(tmp_path: Path, made: Path) -> Settings:
    shutil.copytree(made / "root", tmp_path / "root")
    options = {"learn__test_share": 0.3, "learn__min_labels": 30}
    return settings_for(made / "source", tmp_path / "root", **options)


def bring_in(settings: Settings, tmp_path: Path, count: int, turn: int = 0, ontology: str = "tints") -> None:
    """Labels of the first `count` pictures; turned, they are all wrong."""
    with (tmp_path / "labels.csv").open("w", newline="") as lines:
        named = [(f"{number:03d}.jpg", CLASSES[(number + turn) % 3]) for number in range(count)]
        csv.writer(lines).writerows([("file", "class"), *named])
    import_labels(settings.root_uri, str(tmp_path / "labels.csv"), "csv", ontology)


def champion(settings: Settings) -> Any:
    return champion_of(read_log(opened(settings)))


def test_labels_become_a_snapshot_a_champion_and_predictions(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 60)
    summary = learn(settings)
    assert [verdict.transition for verdict in summary.verdicts] == ["split", "trained"]
    assert {verdict.result for verdict in summary.verdicts} <= {"pass", "warn"}
    promoted = champion(settings)
    assert promoted.counts["snapshot"] == "snapshot-1"
    assert promoted.counts["value"] > 0.8
    told = rows(settings, "SELECT model_version, count(*) AS n FROM predictions GROUP BY ALL")
    assert [row["model_version"] for row in told] == [promoted.batch_id]
    pool = rows(settings, "SELECT count(*) AS n FROM kept WHERE sample_id NOT IN (SELECT sample_id FROM labels)")
    assert told[0]["n"] == pool[0]["n"] > 0
    before = versions(settings)
    assert learn(settings).counts == {}
    assert versions(settings) == before


def test_another_way_to_train_makes_another_model_of_the_same_labels(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 60)
    probe = learn(settings).batches[-1]
    asked = trainer_settings(CLASSES_TRAINER, tmp_path).model_copy(update={"test_share": 0.3, "min_labels": 30})
    other = settings.model_copy(update={"learn": asked})
    assert anything_to_learn(opened(other), asked)
    (version,) = learn(other).batches
    assert version.startswith("snapshot-1-")
    assert version != probe
    assert champion(settings).batch_id == version
    for learned in (settings, other):
        assert not anything_to_learn(opened(learned), learned.learn)


def test_the_named_ontology_is_learned_though_another_has_the_newest_snapshot(
    settings: Settings, tmp_path: Path
) -> None:
    for ontology in ("tints", "moods"):
        bring_in(settings, tmp_path, 60, ontology=ontology)
        learn(_with_learn(settings, ontology=ontology))
    assert snapshot_to_train(opened(settings), _with_learn(settings, ontology="tints").learn) is None
    other = _with_learn(settings, ontology="tints", rebalance="none")
    assert snapshot_to_train(opened(settings), other.learn) == "snapshot-1"
    assert anything_to_learn(opened(settings), other.learn)


def _with_learn(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"learn": settings.learn.model_copy(update=changes)})


def test_a_challenger_of_wrong_labels_is_refused_and_the_champion_stays(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 60)
    learn(settings)
    first = champion(settings)
    sides = {row["sample_id"]: row["side"] for row in _manifest(settings, "snapshot-1")}
    wrong = {sample: CLASSES[number % 3] for number, sample in enumerate(s for s in sides if sides[s] != "test")}
    with (tmp_path / "wrong.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("file", "class"), *wrong.items()])
    import_labels(settings.root_uri, str(tmp_path / "wrong.csv"), "csv", "tints")
    summary = learn(settings)
    assert champion(settings) == first
    assert summary.held == []
    assert any("refused, the champion stays" in hint for hint in summary.hints)
    refused = rows(settings, "SELECT batch_id, note FROM batches WHERE event = 'discarded' AND stage = 'train'")
    assert refused[0]["batch_id"].startswith("snapshot-2-")
    evaluation = read_evaluation(opened(settings), refused[0]["batch_id"])
    assert evaluation is not None
    assert evaluation["comparison"]["difference"] < -0.1
    assert not learn(settings).batches


@pytest.mark.usefixtures("reported")
def test_a_person_may_have_to_approve_a_model(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 60)
    trained = settings.gates.trained.model_copy(update={"mode": "approve"})
    careful = settings.model_copy(update={"gates": settings.gates.model_copy(update={"trained": trained})})
    (held,) = learn(careful).held
    assert champion(settings) is None
    assert learn(careful).held in ([], [held])
    bring_in(settings, tmp_path, 70)
    (newer,) = learn(careful).held
    release(opened(settings), held, "looked at it")
    assert learn(careful).counts["promoted"] == 1
    assert champion(settings).batch_id == held
    off = careful.model_copy(update={"learn": careful.learn.model_copy(update={"enabled": False})})
    assert settle(off, "release", newer, "this one too").as_json()["models"]["promoted"] == 1
    assert champion(settings).batch_id == newer
    assert not anything_to_learn(opened(settings), careful.learn)


@pytest.mark.usefixtures("reported")
def test_the_whole_loop_learns_and_is_quiet_when_nothing_is_new(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 60)
    first = run(settings, report=False)
    assert any(summary.counts["promoted"] for summary in first.summaries)
    run(settings, report=False)
    before = versions(settings)
    assert run(settings, report=False).summaries == []
    assert versions(settings) == before


@pytest.mark.usefixtures("reported")
def test_nobody_waits_for_a_detector_who_did_not_ask_for_one(settings: Settings, tmp_path: Path) -> None:
    with (tmp_path / "boxes.csv").open("w", newline="") as lines:
        boxes = [(f"{number:03d}.jpg", CLASSES[number % 3], 4, 4, 20, 20) for number in range(40)]
        csv.writer(lines).writerows([("file", "class", "x", "y", "width", "height"), *boxes])
    import_labels(settings.root_uri, str(tmp_path / "boxes.csv"), "csv", "things")
    root = opened(settings)
    assert anything_to_learn(root, settings.learn)
    assert not trains_unasked(root, settings.learn)
    assert not anything_to_learn(root, settings.learn, trains=False)
    named = settings.learn.model_copy(update={"fit": settings.learn.fit.model_copy(update={"method": "finetune"})})
    assert trains_unasked(root, named)


def test_too_few_labels_are_no_reason_to_stop_a_run(settings: Settings, tmp_path: Path) -> None:
    bring_in(settings, tmp_path, 10)
    run(settings, report=False)
    assert champion(settings) is None
    with pytest.raises(UsageError, match="no name of a snapshot"):
        learn(settings, "a/b")


@pytest.mark.usefixtures("reported")
def test_a_run_that_cannot_learn_says_so_and_writes_its_report(settings: Settings) -> None:
    wrong = settings.model_copy(update={"learn": settings.learn.model_copy(update={"ontology": "nothing"})})
    with pytest.raises(UsageError, match="no ontology nothing"):
        run(wrong)
    assert has_report(opened(settings))


def _manifest(settings: Settings, name: str) -> list[dict[str, Any]]:
    from tasks.labels.snapshot import read_snapshot

    found: list[dict[str, Any]] = read_snapshot(opened(settings), name).rows.to_pylist()
    return found
