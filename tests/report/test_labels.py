from pathlib import Path
from typing import Any

import pytest

from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.report.labels import in_words, read_labels
from tasks.report.page import write_report
from tasks.store import choices, views
from tasks.store.commit import write
from tests.made import Maker
from tests.pipeline import curate, opened, rows, settings_for

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A root with two annotators: eight samples of three classes, one of which is then split."""
    place = tmp_path_factory.mktemp("labelled")
    Maker(place / "source").photographs(12)
    settings = settings_for(place / "source", place / "root")
    curate(settings)
    root = opened(settings)
    stated = {"name": "things", "type": "class", "classes": ["cat", "dog", HOSTILE]}
    first = apply_ontology(root, Ontology.model_validate(stated)).ontology
    samples = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM kept ORDER BY sample_id")]
    names = ["cat"] * 4 + ["dog"] * 3 + [HOSTILE]
    made = [Annotation(one, {"class": name}, "ann", seconds=2.0) for one, name in zip(samples, names, strict=False)]
    made += [Annotation(samples[0], {"class": "cat"}, "bob")]
    write(root, "annotations", annotation_rows(made, "human", first))
    changes = [{"kind": "split", "old": "dog", "new": ["puppy", "hound"]}]
    split = stated | {"classes": ["cat", "puppy", "hound", HOSTILE], "changes": changes}
    apply_ontology(root, Ontology.model_validate(split))
    return settings


def test_labels__progress_classes_and_annotators_are_told(labelled: Any) -> None:
    root = opened(labelled)
    told = read_labels(root, views.connect(root), choices.recall(root, "embed.model"))
    (progress,) = told.progress
    assert (progress.labelled, progress.outdated, progress.by) == (5, 3, {"human": 5})
    assert progress.classes[:2] == [("cat", 4), (HOSTILE, 1)]
    assert dict(progress.classes)["puppy"] == 0
    ann, bob = told.annotators
    assert (ann.name, ann.answers, ann.seconds) == ("ann", 5, 10.0)
    assert [picture.caption for picture in told.again] == ["was dog"] * 3
    assert (bob.name, bob.answers) == ("bob", 1)
    assert (ann.agreed + bob.agreed, ann.compared + bob.compared) == (1, 1)


def test_labels__names_of_classes_are_no_markup_on_the_page(labelled: Any) -> None:
    page = Path(write_report(labelled.root_uri, cost_per_hour=36.0)).read_text()
    assert "Cost an answer" in page
    assert "0.020" in page
    assert "To be labelled again" in page
    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_in_words() -> None:
    dog = {"class": "dog", "x": 1, "y": 2, "width": 3, "height": 4}
    assert in_words({"boxes": [dog, dog, {**dog, "class": "cat"}]}) == "cat, 2 dog"
    assert in_words({"answer": "empty"}) == "empty"
    assert in_words({"probabilities": {"a": 0.2, "b": 0.8}}) == "b"
