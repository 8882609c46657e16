"""Snapshots: what they hold, when one is due, and what is told where none can be made."""

from pathlib import Path
from typing import Any

import pytest

from tasks.gate.settle import discard
from tasks.labels.change import apply_ontology
from tasks.labels.group import drawn, groups_of
from tasks.labels.ontology import Ontology
from tasks.labels.snapshot import manifest_uri, read_snapshot, refuse_gone
from tasks.learn.fit.fit import fit_model
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.make import commit_snapshot, make_snapshot, wanted_snapshot
from tasks.learn.snapshots.settings import SplitSettings
from tasks.store import choices
from tasks.store.errors import UsageError
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root
from tests.learn.snapshots.scene import HALF, sides_of, snapshot, with_labels, with_samples

MANY = [{"sample_id": f"{number:02d}"} for number in range(24)]
LABELS = {f"{number:02d}": "cat" if number % 3 else "dog" for number in range(24)}


@pytest.fixture
def labelled(root: Root) -> Root:
    with_samples(root, MANY)
    with_labels(root, LABELS)
    return root


def test_snapshot__has_every_label_once_and_test_is_what_is_drawn(labelled: Root) -> None:
    made = snapshot(labelled, "first")
    assert {row["sample_id"]: row["value"] for row in made.rows.to_pylist()} == {
        name: f'{{"class":"{said}"}}' for name, said in LABELS.items()
    }
    assert (made.ontology, made.label_type, made.classes, made.parent) == ("pets", "class", ("cat", "dog"), None)
    assert {name for name, side in sides_of(made).items() if side == "test"} == {
        name for name in LABELS if drawn(name, 0.5, "test")
    }


def test_snapshot__the_same_labels_again_give_the_same_hash(labelled: Root, tmp_path: Path) -> None:
    first = snapshot(labelled, "first")
    again = snapshot(labelled, "again")
    assert (again.hash, again.test_hash, again.parent) == (first.hash, first.test_hash, "first")


def test_snapshot__new_data_moves_no_sample_and_extends_every_side(labelled: Root) -> None:
    first = sides_of(snapshot(labelled, "first"))
    with_samples(labelled, [{"sample_id": f"n{number:02d}"} for number in range(40)], "b-2")
    with_labels(labelled, {f"n{number:02d}": "cat" for number in range(40)} | {"00": "cat"})
    second = sides_of(snapshot(labelled, "second"))
    assert first.items() < second.items()
    assert {second[name] for name in second if name not in first} == {"train", "validation", "test"}


def test_snapshot__recordings_duplicates_and_values_are_groups(root: Root) -> None:
    rows = [
        {"sample_id": "a", "sequence_id": "tape", "sensor_id": "1"},
        {"sample_id": "b", "video_uri": "tape", "sensor_id": "2"},
        {"sample_id": "c", "kept_id": "a", "sensor_id": "1"},
        {"sample_id": "d", "sequence_id": "other", "kept_id": "a", "metadata": '{"site": "north"}'},
        {"sample_id": "e", "sensor_id": "3"},
    ]
    with_samples(root, rows)
    assert {row["sample_id"]: (row["group"], row["tied"]) for row in groups_of(root).to_pylist()} == {
        "a": ("tape", None), "b": ("tape", None), "c": ("tape", None), "d": ("other", "tape"), "e": ("e", None),
    }  # fmt: skip
    by_sensor = {row["sample_id"]: (row["group"], row["tied"]) for row in groups_of(root, "sensor_id").to_pylist()}
    assert by_sensor == {
        "a": ("sensor_id=1", None), "b": ("sensor_id=1", None), "c": ("sensor_id=1", None),
        "d": ("other", "sensor_id=1"), "e": ("sensor_id=3", None),
    }  # fmt: skip
    assert groups_of(root, "site")["group"].to_pylist()[3] == "site=north"
    with pytest.raises(UsageError, match=r"group_by is nonsense, and no sample"):
        groups_of(root, "nonsense")


def test_snapshot__only_what_a_model_can_learn_from(labelled: Root) -> None:
    with_labels(labelled, {"00": {"answer": "unusable"}, "01": {"answer": "empty"}, "gone": "cat"})
    apply_ontology(labelled, Ontology(name="pets", type="class", classes=["cat", "dog", "bird"]))  # type: ignore[list-item]
    staged = make_snapshot.fn(labelled.uri, "first", HALF)
    assert staged.facts["left_out"] == {"unusable": 1, "empty": 1, "of samples that were given up": 1}
    commit_snapshot.fn(labelled.uri, "first", staged)
    assert not {"00", "01", "gone"} & set(read_snapshot(labelled, "first").rows["sample_id"].to_pylist())


def test_snapshot__a_picture_without_boxes_is_one_to_learn_from(root: Root) -> None:
    with_samples(root, MANY)
    things = Ontology(name="things", type="boxes", classes=["dog"])  # type: ignore[list-item]
    box = {"boxes": [{"class": "dog", "x": 1.0, "y": 1.0, "width": 2.0, "height": 2.0}]}
    with_labels(root, {name: box if said == "dog" else {"answer": "empty"} for name, said in LABELS.items()}, things)
    assert len(snapshot(root, "first").rows) == 24


def test_snapshot__its_own_test_folder(root: Root) -> None:
    folder = ["test", "train", "train", "train"]
    rows = [{"sample_id": f"{n:02d}", "source_uri": f"file:///data/{folder[n % 4]}/{n}"} for n in range(24)]
    with_samples(root, rows)
    with_labels(root, LABELS)
    named = HALF.model_copy(update={"split": SplitSettings(test_where="source_uri LIKE '%/test/%'")})
    sides = sides_of(snapshot(root, "first", named))
    assert {name for name, side in sides.items() if side == "test"} == {f"{n:02d}" for n in range(0, 24, 4)}
    assert choices.recall(root, "learn.test_share") is None


def test_snapshot__a_test_folder_that_is_named_too_late_is_told(root: Root) -> None:
    with_samples(root, [{"sample_id": f"{n:02d}", "source_uri": f"file:///data/{n % 4}/{n}"} for n in range(24)])
    with_labels(root, LABELS)
    before = sides_of(snapshot(root, "first", HALF))
    named = {f"{n:02d}" for n in range(0, 24, 4)}
    late = HALF.model_copy(update={"split": SplitSettings(test_where="source_uri LIKE '%/0/%'")})
    facts = make_snapshot.fn(root.uri, "second", late).facts
    stay = [name for name, side in sorted(before.items()) if (side == "test") != (name in named)]
    assert stay
    assert facts["elsewhere"] == stay
    only_trained = sorted(name for name, side in before.items() if side == "train")[:1]
    nobody = HALF.model_copy(update={"split": SplitSettings(test_where=f"sample_id = '{only_trained[0]}'")})
    assert make_snapshot.fn(root.uri, "third", nobody).facts["elsewhere"]


def test_test_share__is_settled_once(labelled: Root) -> None:
    first = snapshot(labelled, "first")
    lower = snapshot(labelled, "second", LearnSettings(test_share=0.01))
    assert choices.recall(labelled, "learn.test_share") == 0.5
    assert lower.hash == first.hash


def test_wanted__is_due_when_labels_changed_and_suffice(labelled: Root) -> None:
    assert wanted_snapshot(labelled, LearnSettings()).why == "24 samples have a label, learn.min_labels is 50"
    assert wanted_snapshot(labelled, HALF).name == "snapshot-1"
    snapshot(labelled, "snapshot-1")
    assert "no label has changed" in wanted_snapshot(labelled, HALF).why
    with_labels(labelled, {"00": "cat"})
    assert wanted_snapshot(labelled, HALF).name == "snapshot-2"


def test_wanted__what_was_begun_goes_on_and_what_is_held_is_overtaken(labelled: Root) -> None:
    make_snapshot.fn(labelled.uri, "mine", HALF)
    assert wanted_snapshot(labelled, HALF).name == "mine"
    record(labelled, lambda log: Event("mine", "held", "snapshot"))
    assert wanted_snapshot(labelled, HALF, held=["mine"]).name is None
    assert "is held" in wanted_snapshot(labelled, HALF, "mine", held=["mine"]).why
    discard(labelled, "mine", "no")
    with pytest.raises(UsageError, match="is taken"):
        wanted_snapshot(labelled, HALF, "mine")


def test_make__a_released_snapshot_that_was_overtaken_is_given_up(labelled: Root) -> None:
    staged = make_snapshot.fn(labelled.uri, "mine", HALF)
    judged = {"judged": staged.rows_uri.removeprefix(labelled.uri)}
    record(labelled, lambda log: Event("mine", "held", "snapshot", counts=judged))
    snapshot(labelled, "other")
    record(labelled, lambda log: Event("mine", "released", "snapshot"))
    with pytest.raises(UsageError, match="other was made while mine was held"):
        make_snapshot.fn(labelled.uri, "mine", HALF)
    assert read_log(labelled).batches["mine"].discarded


def test_make__a_released_snapshot_is_what_was_judged(labelled: Root) -> None:
    staged = make_snapshot.fn(labelled.uri, "mine", HALF)
    judged = {"judged": staged.rows_uri.removeprefix(labelled.uri)}
    record(labelled, lambda log: Event("mine", "held", "snapshot", counts=judged))
    with_labels(labelled, {"01": "dog"})
    record(labelled, lambda log: Event("mine", "released", "snapshot"))
    again = make_snapshot.fn(labelled.uri, "mine", HALF)
    assert again.rows_uri == staged.rows_uri
    assert commit_snapshot.fn(labelled.uri, "mine", again)["snapshot_samples"] == 24


def test_snapshot__samples_that_were_given_up_since_are_told_and_left_out_of_the_next(labelled: Root) -> None:
    with_samples(labelled, [{"sample_id": "late"}], "b-2")
    with_labels(labelled, {"late": "cat"})
    first = snapshot(labelled, "first")
    assert "no label has changed" in wanted_snapshot(labelled, HALF).why
    refuse_gone(labelled, first)
    record(labelled, lambda log: Event("b-2", "discarded", "embed", note="no"))
    with pytest.raises(UsageError, match="1 of the 25 samples .* given up since, the first is late"):
        refuse_gone(labelled, first)
    choices.settle(labelled, "embed.model", lambda: {"name": "m", "table": "embeddings_m"})
    with pytest.raises(UsageError, match="1 of the 25 samples .* given up since"):
        fit_model.fn(labelled.uri, "first", HALF)
    assert wanted_snapshot(labelled, HALF).name == "snapshot-1"
    second = sides_of(snapshot(labelled, "second"))
    assert second.items() == sides_of(first).items() - {("late", sides_of(first)["late"])}
    assert "no label has changed" in wanted_snapshot(labelled, HALF).why


def refusal(root: Root, **how: Any) -> str:
    """Why a snapshot is refused; nothing is written then."""
    before = read_log(root).last
    with pytest.raises(UsageError) as told:
        make_snapshot.fn(root.uri, "first", HALF.model_copy(update=how))
    assert read_log(root).last == before
    assert list(root.storage.names(root.at("snapshots"))) == []
    assert choices.recall(root, "learn.test_share") is None
    return str(told.value)


def test_make__too_little_to_learn_from_is_told_and_nothing_is_written(root: Root) -> None:
    with_samples(root, MANY)
    assert "No sample has a label yet" in refusal(root)
    with_labels(root, {"00": {"answer": "unusable"}})
    assert "a model can learn from (1 unusable)" in refusal(root)
    with_labels(root, {"00": "cat", "01": "cat"})
    assert "All 2 labels of pets are 'cat'" in refusal(root)
    with_labels(root, {"02": "ant"}, Ontology(name="bugs", type="class", classes=["ant", "bee"]))  # type: ignore[list-item]
    assert "labels of several ontologies: name one as learn.ontology, of bugs, pets" in refusal(root)


def test_make__wrong_settings_are_told_and_nothing_is_written(labelled: Root) -> None:
    assert "There is no ontology nothing" in refusal(labelled, ontology="nothing")
    assert "set learn.test_share above 0" in refusal(labelled, test_share=0)
    assert "set aside for testing: label what" in refusal(labelled, test_share=1e-9)
    assert "test_where (false) names none" in refusal(labelled, split=SplitSettings(test_where="false"))
    assert "learn.split.test_where: The query" in refusal(labelled, split=SplitSettings(test_where="nonsense >"))
    assert "group_by is nonsense" in refusal(labelled, split=SplitSettings(group_by="nonsense"))


def test_make__fewer_samples_than_classes(root: Root) -> None:
    with_samples(root, MANY)
    with_labels(root, {"00": "a", "01": "b"}, Ontology(name="o", type="class", classes=list("abc")))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="3 classes, and only 2 samples"):
        wanted_snapshot(root, HALF, "first")
    assert "3 classes" in wanted_snapshot(root, HALF).why


def test_make__names(labelled: Root) -> None:
    snapshot(labelled, "first")
    for name, why in (("first", "first is taken"), ("b-1", "b-1 is taken"), ("../escape", "is no name")):
        with pytest.raises(UsageError, match=why):
            wanted_snapshot(labelled, HALF, name)


def test_make__a_lost_manifest_of_an_older_snapshot_is_told(labelled: Root) -> None:
    snapshot(labelled, "first")
    labelled.storage.delete(manifest_uri(labelled, "first"))
    with pytest.raises(UsageError, match="manifest of snapshot first is gone"):
        make_snapshot.fn(labelled.uri, "second", HALF)
