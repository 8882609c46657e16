"""The review queue: the worst label first, each once, out as CSV and back as reviewed labels."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.labels.values import Value, as_value
from tasks.review.doubts import Doubt, finding_rows
from tasks.review.queue import as_csv, decided, review_queue
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.schema import FINDINGS
from tests.review.conftest import Bench

DRESS, SKIRT, PANTS = ({"class": name} for name in ("dress", "skirt", "pants"))


@pytest.fixture
def doubted(classes: Bench) -> Bench:
    """Three labels, of which two are doubted, one of them twice."""
    a, b, _ = classes.say("ann", {"a": DRESS, "b": SKIRT, "c": PANTS})
    classes.take_in(["a", "b", "c"])
    found = [
        ("a", a, Doubt("disagreement", 0.5, "bob says '=skirt'", None)),
        ("b", b, Doubt("label_error", 0.7, "the probe says 'pants'", PANTS)),
        ("a", a, Doubt("label_error", 0.9, "=HYPERLINK(1)", SKIRT)),
    ]
    write(classes.root, "findings", finding_rows(found))
    return classes


def written(bench: Bench, place: Path, **decisions: str) -> str:
    """The CSV with decisions filled in, by sample."""
    rows = list(csv.DictReader(io.StringIO(as_csv(review_queue(bench.root, "things")))))
    with place.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "decision": decisions.get(row["sample_id"], "")} for row in rows)
    return str(place)


def current(bench: Bench) -> dict[str, tuple[Value, str]]:
    rows = bench.rows("SELECT sample_id, value, status FROM labels")
    return {row["sample_id"]: (as_value(row["value"]), row["status"]) for row in rows}


def test_each_label_once_the_worst_first_with_all_its_reasons(doubted: Bench) -> None:
    queue = review_queue(doubted.root, "things")
    assert [(one.sample_id, round(one.score, 3), one.kinds) for one in queue] == [
        ("a", 0.9, ["label_error", "disagreement"]),
        ("b", 0.7, ["label_error"]),
    ]
    assert (queue[0].value, queue[0].suggestion, queue[0].uri) == (DRESS, SKIRT, "file:///a.jpg")
    assert queue[0].reason == "=HYPERLINK(1); bob says '=skirt'"
    assert review_queue(doubted.root, "things", most=1) == queue[:1]
    assert review_queue(doubted.root, "other") == []


def test_what_an_import_could_not_use_is_a_doubt_without_a_suggestion(doubted: Bench) -> None:
    (annotation,) = {one.annotation_id for one in review_queue(doubted.root, "things") if one.sample_id == "b"}
    row = {"finding_id": "f", "sample_id": "b", "annotation_id": annotation, "kind": "label_invalid", "score": 1.0,
           "reason": "two answers", "suggestion": '{"file":"b.jpg","name":"b"}', "status": "open"}  # fmt: skip
    write(doubted.root, "findings", pa.Table.from_pylist([row], schema=FINDINGS.schema))
    worst = review_queue(doubted.root, "things")[0]
    assert (worst.sample_id, worst.kinds) == ("b", ["label_invalid", "label_error"])
    assert worst.suggestion == PANTS


def test_the_csv_runs_no_formula_and_leaves_the_decision_open(doubted: Bench) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(review_queue(doubted.root, "things")))))
    assert [(row["label"], row["suggestion"], row["decision"]) for row in rows] == [
        ("dress", "skirt", ""),
        ("skirt", "pants", ""),
    ]
    assert rows[0]["reason"].startswith("'=HYPERLINK")


@pytest.mark.parametrize(
    ("decision", "value", "status"),
    [
        ("accept", SKIRT, "accepted"),
        ("keep", DRESS, "dismissed"),
        (" pants ", PANTS, "accepted"),
        ("class:pants", PANTS, "accepted"),
        ("unusable", {"answer": "unusable"}, "accepted"),
    ],
)
def test_a_decision_is_a_new_row_and_closes_the_findings(
    doubted: Bench, tmp_path: Path, decision: str, value: Value, status: str
) -> None:
    file = written(doubted, tmp_path / "decided.csv", a=decision)
    rows = decided(doubted.root, "things", file)
    assert write(doubted.root, "annotations", rows) == 1
    assert current(doubted)["a"] == (value, "reviewed")
    assert current(doubted)["b"] == (SKIRT, "submitted")
    assert [one.sample_id for one in review_queue(doubted.root, "things")] == ["b"]
    told = doubted.rows("SELECT DISTINCT status FROM findings WHERE sample_id = 'a'")
    assert told == [{"status": status}]
    assert len(decided(doubted.root, "things", file)) == 0
    assert len(doubted.rows("SELECT * FROM annotations")) == 4


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("annotation_id,decision\n{b},hat\n", "line 2: the decision is none .*no class 'hat'"),
        ("annotation_id\n{b}\n", "no column decision"),
        ("", "no column"),
    ],
)
def test_a_file_with_a_mistake_counts_for_nothing(doubted: Bench, tmp_path: Path, content: str, why: str) -> None:
    (one,) = [one.annotation_id for one in review_queue(doubted.root, "things") if one.sample_id == "b"]
    (tmp_path / "decided.csv").write_text(content.format(b=one))
    with pytest.raises(UsageError, match=why):
        decided(doubted.root, "things", str(tmp_path / "decided.csv"))
    with pytest.raises(UsageError, match="cannot be read"):
        decided(doubted.root, "things", str(tmp_path / "nowhere.csv"))
