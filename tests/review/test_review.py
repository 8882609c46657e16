"""A review of a root: what it stages, what it leaves alone, and that doing it again brings nothing new."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.values import Value, as_value
from tasks.review.review import Reviewed, review_labels
from tasks.review.settings import ReviewSettings
from tasks.store import staging
from tasks.store.commit import write
from tasks.store.errors import StagedAwayError, UsageError
from tests.review.conftest import DAY, Bench

DRESS, SKIRT, PANTS = ({"class": name} for name in ("dress", "skirt", "pants"))
DOG = {"class": "dog", "x": 10.0, "y": 10.0, "width": 30.0, "height": 20.0}


def review(bench: Bench, fresh: str | None = None, **settings: Any) -> Reviewed:
    to = bench.root.at("staging", "review")
    return review_labels.fn(bench.root.uri, "things", fresh, to, ReviewSettings(**settings))


def commit(bench: Bench, done: Reviewed) -> int:
    """Write what a review staged; how many rows were new."""
    uris = {"annotations": done.consensus_uri, "findings": done.findings_uri}
    return sum(write(bench.root, name, next(staging.read_all(bench.root, [uri]))) for name, uri in uris.items())


def labels(bench: Bench) -> dict[str, str]:
    rows = bench.rows("SELECT sample_id, value FROM labels")
    return {row["sample_id"]: as_value(row["value"]).get("class", "") for row in rows}


def test_annotators_who_agree_make_the_label_and_those_who_quarrel_a_finding(classes: Bench) -> None:
    classes.say("ann", {"a": DRESS, "b": DRESS, "c": DRESS})
    bob = classes.say("bob", {"a": DRESS, "b": SKIRT}, created_at=DAY)
    done = review(classes)
    assert (done.consensus, done.shared, done.findings) == (1, 2, {"disagreement": 1})
    assert done.alpha == pytest.approx(0)
    assert commit(classes, done) == 2
    assert labels(classes) == {"a": "dress", "b": "dress", "c": "dress"}
    (finding,) = classes.rows("SELECT * FROM findings")
    assert (finding["sample_id"], finding["status"], finding["annotation_id"] in bob) == ("b", "open", False)
    assert "ann says 'dress', bob says 'skirt'" in finding["reason"]
    assert commit(classes, review(classes)) == 0


def test_what_is_staged_counts_and_nothing_is_written_to_a_table(classes: Bench) -> None:
    classes.say("ann", {"a": DRESS, "b": DRESS})
    fresh = classes.root.at("staging", "fresh.parquet")
    made = [Annotation("a", DRESS, "bob"), Annotation("b", SKIRT, "bob")]
    staging.write_rows(classes.root, fresh, annotation_rows(made, "human", classes.ontology))
    done = review(classes, fresh)
    assert (done.consensus, done.findings) == (1, {"disagreement": 1})
    assert {row["annotator"] for row in classes.rows("SELECT annotator FROM annotations")} == {"ann"}
    assert classes.rows("SELECT * FROM findings") == []


def test_a_consensus_that_a_third_annotator_breaks_or_changes_is_replaced(classes: Bench) -> None:
    classes.say("ann", {"a": DRESS, "b": DRESS})
    (gone, _) = classes.say("bob", {"a": DRESS, "b": DRESS})
    commit(classes, review(classes))
    classes.say("bob", {"a": SKIRT}, status="deleted", replaces=gone)
    classes.say("eve", {"a": SKIRT, "b": SKIRT})
    classes.say("dan", {"b": SKIRT})
    classes.say("kim", {"b": SKIRT})
    commit(classes, review(classes))
    standing = classes.rows("SELECT sample_id, value FROM standing WHERE status = 'consensus'")
    assert [(row["sample_id"], as_value(row["value"])) for row in standing] == [("b", SKIRT)]
    assert commit(classes, review(classes)) == 0
    for name in ("bob", "dan", "kim"):
        classes.say(name, {"a": DRESS}, reference="again")
    commit(classes, review(classes))
    assert len(classes.rows("SELECT * FROM standing WHERE status = 'consensus' AND sample_id = 'a'")) == 1


def test_a_reviewed_label_is_doubted_no_more_and_measures_who_was_wrong(classes: Bench) -> None:
    (ann,) = classes.say("ann", {"a": DRESS}, created_at=DAY)
    classes.say("bob", {"a": SKIRT}, created_at=DAY.replace(day=2))
    classes.say("lead", {"a": SKIRT}, status="reviewed", replaces=ann)
    done = review(classes)
    assert (done.consensus, done.findings) == (0, {})
    told = {one.name: one for one in done.annotators}
    assert (told["ann"].corrected, told["bob"].corrected) == (1, 0)
    assert (told["bob"].quality or 0) > (told["ann"].quality or 1)
    assert done.alpha is not None


def test_the_label_error_rate_comes_from_blind_labels_alone(classes: Bench) -> None:
    samples = [f"s{number}" for number in range(10)]
    said = classes.say("ann", dict.fromkeys(samples, DRESS), seconds=4.0)
    classes.say("bob", {**dict.fromkeys(samples, DRESS), "s0": SKIRT, "s1": SKIRT}, status="blind", seconds=6.0)
    first = review(classes)
    assert (first.blind.labels, first.blind.wrong, first.blind.rate) == (10, 2, 0.2)
    assert first.findings == {"disagreement": 2}
    assert labels(classes)["s0"] == "dress"
    classes.say("lead", {"s0": DRESS}, status="reviewed", replaces=said[0])
    classes.say("lead", {"s1": SKIRT}, status="reviewed", replaces=said[1])
    then = review(classes)
    assert (then.blind.wrong, then.findings) == (1, {})
    assert {one.name: one.seconds for one in then.annotators} == {"ann": 4.0, "bob": 6.0}


def clusters(kinds: list[Value], each: int) -> tuple[dict[str, np.ndarray], dict[str, Value]]:
    chance = np.random.default_rng(0)
    vectors, values = {}, {}
    for number in range(each * len(kinds)):
        kind = number % len(kinds)
        vector = chance.standard_normal(64) + 8 * np.eye(64)[kind]
        vectors[f"s{number:03d}"] = vector / np.linalg.norm(vector)
        values[f"s{number:03d}"] = kinds[kind]
    return vectors, values


def test_wrong_classes_are_found_with_their_reason_and_what_they_might_be(classes: Bench) -> None:
    vectors, values = clusters([DRESS, SKIRT, PANTS], 30)
    classes.embed(vectors)
    classes.say("ann", {**values, "s006": SKIRT, "s010": PANTS}, origin="import")
    classes.predict({"s006": {"probabilities": {"dress": 0.9, "skirt": 0.1}}})
    done = review(classes)
    assert (done.scored, done.suspects, done.suspect_share) == (90, 2, pytest.approx(2 / 90))
    commit(classes, done)
    found = classes.rows("SELECT sample_id, score, reason, suggestion FROM findings ORDER BY sample_id")
    assert [(row["sample_id"], as_value(row["suggestion"])["value"]) for row in found] == [
        ("s006", DRESS),
        ("s010", SKIRT),
    ]
    assert all(0.5 < row["score"] <= 1 for row in found)
    assert "10 of the 10 most like it are 'dress'" in found[0]["reason"]
    assert "the model m1 says 'dress' (90%)" in found[0]["reason"]
    assert commit(classes, review(classes)) == 0
    assert review(classes, min_labels=91).scored == 0


def test_of_several_classes_the_one_that_is_wrong_is_told(root: Any) -> None:
    bench = Bench(root, type="multilabel", classes=["sun", "sea", "rare"])
    vectors, told = clusters([{"classes": ["sun"]}, {"classes": ["sea"]}, {"answer": "empty"}], 30)
    bench.embed(vectors)
    bench.say("ann", {**told, "s003": {"classes": ["sea", "sun"]}, "s004": {"answer": "empty"}})
    done = review(bench)
    commit(bench, done)
    found = bench.rows("SELECT sample_id, suggestion FROM findings ORDER BY sample_id")
    assert [(row["sample_id"], as_value(row["suggestion"])["value"]) for row in found] == [
        ("s003", {"classes": ["sun"]}),
        ("s004", {"classes": ["sea"]}),
    ]


def test_broken_boxes_are_found_until_somebody_keeps_them(boxes: Bench) -> None:
    boxes.take_in(["a", "b"])
    (doubled, _) = boxes.say("ann", {"a": {"boxes": [DOG, DOG, {**DOG, "x": 90.0}]}, "b": {"boxes": [DOG]}})
    boxes.predict({"b": {"boxes": [{**DOG, "x": 60.0, "y": 50.0, "score": 0.97}, {**DOG, "score": 0.97}]}})
    done = review(boxes)
    expected = {"shape_double": 1, "shape_outside": 1, "shape_missing": 1, "label_error": 1}
    assert done.findings == expected
    (kept,) = boxes.say("lead", {"a": {"boxes": [DOG, DOG]}}, status="reviewed", replaces=doubled)
    assert review(boxes).findings == {"shape_double": 1, "shape_missing": 1, "label_error": 1}
    boxes.say("lead", {"a": {"boxes": [DOG, DOG]}}, status="reviewed", replaces=kept)
    assert review(boxes).findings == {"shape_missing": 1, "label_error": 1}


def test_a_track_that_jumps_between_near_frames_is_found(boxes: Bench) -> None:
    boxes.take_in(["a", "b", "c"], video_uri="file:///film.mp4", frame_time_s=0.0)
    track = {**DOG, "width": 5.0, "height": 5.0, "track": 1}
    boxes.say("ann", {"a": {"boxes": [track]}, "b": {"boxes": [{**track, "x": 80.0}]}})
    assert review(boxes).findings == {"track_jump": 1}


def test_boxes_of_two_annotators_agree_by_their_place(boxes: Bench) -> None:
    boxes.say("ann", {"a": {"boxes": [DOG]}, "b": {"boxes": [DOG]}})
    boxes.say("bob", {"a": {"boxes": [{**DOG, "x": 12.0}]}, "b": {"answer": "empty"}})
    done = review(boxes)
    assert (done.consensus, done.findings) == (1, {"disagreement": 1})
    assert done.shape_agreement == pytest.approx((28 / 32 + 0) / 2)


def test_there_has_to_be_an_ontology_and_what_is_staged(classes: Bench) -> None:
    with pytest.raises(UsageError, match="no ontology"):
        review_labels.fn(classes.root.uri, "other", None, classes.root.at("staging", "x"), ReviewSettings())
    with pytest.raises(StagedAwayError):
        review(classes, fresh=classes.root.at("staging", "nowhere.parquet"))
    nothing = review(classes)
    assert (nothing.labels, nothing.alpha, nothing.suspect_share, nothing.blind.rate) == (0, None, None, None)
    assert isinstance(next(staging.read_all(classes.root, [nothing.findings_uri])), pa.Table)
