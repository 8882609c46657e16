import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.loop import run
from flows.settings import Settings
from tasks.annotate.collect import anything_to_collect
from tasks.annotate.import_labels import import_labels
from tasks.annotate.settings import LabelSettings
from tasks.gate.settle import discard, release
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology, read_ontology
from tasks.store.errors import UsageError
from tasks.store.storage import to_path
from tests.made import Maker
from tests.pipeline import curate, label, opened, rows, select, settings_for, versions

CLASSES = ("cat", "dog")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source, and a root in which 20 of its 40 samples are picked."""
    place = tmp_path_factory.mktemp("made")
    Maker(place / "source").photographs(40)
    settings = settings_for(place / "source", place / "root", select__budget=20)
    curate(settings)
    select(settings)
    return place


@pytest.fixture
def labels(tmp_path: Path, made: Path) -> Path:
    names = sorted(file.name for file in (made / "source").rglob("*.jpg"))
    write_labels(tmp_path / "labels.csv", {name: CLASSES[place % 2] for place, name in enumerate(names)})
    return tmp_path / "labels.csv"


def write_labels(file: Path, labels: dict[str, str]) -> None:
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([("file", "label"), *labels.items()])


@pytest.fixture
def settings(tmp_path: Path, made: Path, labels: Path) -> Settings:
    shutil.copytree(made / "root", tmp_path / "root")
    oracle = {"labels__backend": "oracle", "labels__oracle__file": str(labels)}
    return settings_for(made / "source", tmp_path / "root", select__budget=20, **oracle)


def careful(settings: Settings) -> Settings:
    """The same, but a person has to approve every round."""
    annotated = settings.gates.annotated.model_copy(update={"mode": "approve"})
    return settings.model_copy(update={"gates": settings.gates.model_copy(update={"annotated": annotated})})


def labelled(settings: Settings) -> dict[str, str]:
    sql = "SELECT sample_id, value->>'$.class' AS class FROM labels"
    return {row["sample_id"]: row["class"] for row in rows(settings, sql)}


def test_what_was_picked_is_labelled_reviewed_and_leaves_the_queue(settings: Settings) -> None:
    summary = label(settings)
    assert summary.counts["answers"] == 20
    assert [verdict.transition for verdict in summary.verdicts] == ["annotated"]
    found = rows(settings, "SELECT DISTINCT origin, annotator, ontology, status FROM annotations")
    assert found == [{"origin": "oracle", "annotator": "oracle", "ontology": "oracle", "status": "submitted"}]
    assert sorted(labelled(settings)) == [
        row["sample_id"] for row in rows(settings, "FROM selections ORDER BY sample_id")
    ]
    before = versions(settings)
    assert label(settings).counts["answers"] == 0
    assert versions(settings) == before


@pytest.mark.usefixtures("reported")
def test_the_whole_loop_goes_round_and_is_quiet_when_nothing_is_new(settings: Settings) -> None:
    first = run(settings, report=False).as_json()
    assert (first["selected"], first["labels"]["answers"]) == (0, 20)
    second = run(settings, report=False).as_json()
    assert second["labels"]["answers"] == second["selected"] == 20
    third = run(settings, report=False)
    assert len(labelled(settings)) == 40
    assert not third.summaries or third.as_json()["labels"]["answers"] == 0


def test_a_changed_answer_is_a_new_row_in_place_of_the_old_one(settings: Settings, labels: Path) -> None:
    label(settings)
    before = labelled(settings)
    write_labels(labels, {row["file"]: "dog" for row in csv.DictReader(labels.open())})
    label(settings)
    assert set(labelled(settings).values()) == {"dog"}
    changed = rows(settings, "SELECT count(*) AS n FROM annotations WHERE replaces IS NOT NULL")[0]["n"]
    assert changed == sum(name == "cat" for name in before.values())


def test_a_held_round_changes_no_label_until_somebody_decides(settings: Settings) -> None:
    held = label(careful(settings))
    assert held.held == ["labels-1"]
    assert labelled(settings) == {}
    again = label(careful(settings))
    assert again.held == ["labels-1"]
    assert again.counts["answers"] == 0
    release(opened(settings), "labels-1", "looked at it")
    assert label(careful(settings)).counts["answers"] == 20
    assert len(labelled(settings)) == 20


def test_a_discarded_round_stays_on_file_and_does_not_come_back(settings: Settings) -> None:
    label(careful(settings))
    discard(opened(settings), "labels-1", "made by a bot")
    label(settings)
    assert labelled(settings) == {}
    assert rows(settings, "SELECT status, count(*) AS n FROM annotations GROUP BY status") == [
        {"status": "discarded", "n": 20}
    ]
    assert label(settings).counts["answers"] == 0


def test_imported_labels_are_reviewed_once_also_while_the_review_is_held(settings: Settings, tmp_path: Path) -> None:
    picks = [row["sample_id"] for row in rows(settings, "FROM selections ORDER BY rank")]
    write_labels(tmp_path / "import.csv", dict.fromkeys(picks, "cat"))
    import_labels(settings.root_uri, str(tmp_path / "import.csv"), "csv", "animals")
    files = careful(settings.model_copy(update={"labels": LabelSettings()}))
    assert label(files).held == ["labels-1"]
    assert label(files).held == ["labels-1"]
    assert not anything_to_collect(opened(files), files.labels, ["labels-1"])
    release(opened(files), "labels-1", "looked at them")
    assert label(files).held == []
    assert not anything_to_collect(opened(files), files.labels)


def test_annotators_return_files_and_what_is_no_label_is_a_finding(settings: Settings) -> None:
    root = opened(settings)
    apply_ontology(root, Ontology.model_validate({"name": "animals", "type": "class", "classes": list(CLASSES)}))
    files = settings.model_copy(update={"labels": LabelSettings(ontology="animals")})
    picks = [row["sample_id"] for row in rows(settings, "FROM selections ORDER BY rank")]
    place = to_path(root.at("returned", "ann"))
    place.mkdir(parents=True)
    told = {**dict.fromkeys(picks[:10], "cat"), picks[10]: "cow", "nobody": "dog"}
    write_labels(place / "done.csv", told)
    (place / "half.json").write_text('{"images": [')
    counts = label(files).counts
    assert (counts["answers"], counts["troubles"]) == (10, 3)
    assert labelled(settings) == dict.fromkeys(picks[:10], "cat")
    found = rows(settings, "SELECT reason FROM findings WHERE kind = 'label_invalid' ORDER BY reason")
    assert len(found) == 3
    assert "no class 'cow'" in found[0]["reason"] + found[1]["reason"] + found[2]["reason"]
    (place.parent / "bob").mkdir()
    write_labels(place.parent / "bob" / "done.csv", dict.fromkeys(picks[:10], "cat"))
    assert label(files).counts["answers"] == 10
    assert label(files).counts["answers"] == 0
    assert {row["annotator"] for row in rows(settings, "FROM annotations WHERE status = 'submitted'")} == {"ann", "bob"}


def test_split_classes_are_asked_for_again(settings: Settings, labels: Path) -> None:
    label(settings)
    cats = [sample for sample, name in labelled(settings).items() if name == "cat"]
    newest = read_ontology(opened(settings), "oracle")
    changed: dict[str, Any] = {
        "name": "oracle",
        "type": "class",
        "classes": ["dog", "lynx", "tabby"],
        "changes": [{"kind": "split", "old": "cat", "new": ["lynx", "tabby"]}],
    }
    done = apply_ontology(opened(settings), type(newest).model_validate(changed))
    assert sorted(done.outdated) == sorted(cats)
    assert set(labelled(settings).values()) == {"dog"}
    write_labels(
        labels, {row["file"]: "lynx" if row["label"] == "cat" else "dog" for row in csv.DictReader(labels.open())}
    )
    named = settings.model_copy(update={"labels": settings.labels.model_copy(update={"ontology": "oracle"})})
    label(named)
    assert {labelled(settings)[sample] for sample in cats} == {"lynx"}


def test_without_an_ontology_it_says_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(UsageError, match="winnow ontology apply"):
        label(settings.model_copy(update={"labels": settings.labels.model_copy(update={"backend": "files"})}))
