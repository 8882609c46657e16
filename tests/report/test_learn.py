"""Learning on the page: what became of every model, what a challenger was refused for, and where the champion fails."""

from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from flows.terminal import show_status
from tasks.report.curve import curve_of, reliability
from tasks.report.evaluation import Calibration, read_evaluation
from tasks.report.learn import read_learning
from tasks.report.models import rounds_of
from tasks.report.page import write_report
from tasks.report.status import champion_in_words, status
from tasks.store import views
from tasks.store.log import read_log
from tasks.store.root import Root
from tests.pipeline import opened, rows
from tests.report.conftest import opened_page
from tests.report.learned import comparison, evaluation, learn, snapshot
from tests.report.scene import HOSTILE, scene

ESCAPED = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"
WHY = f"it is worse {HOSTILE}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A root with three rounds: a champion, its successor on a grown test side, and a challenger that was refused."""
    made = scene(tmp_path_factory.mktemp("learned"), 60)
    root = opened(made)
    ids = [row["sample_id"] for row in rows(made, "SELECT sample_id FROM kept ORDER BY sample_id")]
    snapshot(root, "snapshot-1", ids[:8])
    learn(root, "a-1", "committed", labels=40, value=0.6, low=0.5, high=0.7)
    learn(root, "a-2", "committed", labels=80, value=0.7, low=0.6, high=0.8)
    learn(root, "a-3", "committed", labels=120, test_hash="u", said=evaluation("a-3", ids))
    refused = evaluation("a-4", ids, comparison=comparison("a-3", -0.04))
    learn(root, "a-4", "held", "discarded", why=WHY, labels=160, test_hash="u", value=0.76, said=refused)
    return made


def test_learning__the_champion_and_what_became_of_each_round(settings: Settings) -> None:
    root = opened(settings)
    (one,) = read_learning(root, views.connect(root)).learned
    assert [(row.version, row.state) for row in one.rounds] == [
        ("a-4", "refused"), ("a-3", "promoted"), ("a-2", "promoted"), ("a-1", "promoted"),
    ]  # fmt: skip
    assert one.champion is not None
    assert one.newest is not None
    assert (one.champion.round.version, one.newest.round.why) == ("a-3", WHY)
    assert one.shown is one.champion
    assert one.compared is one.newest
    assert [row.name for row in one.classes] == ["dog", "cat", HOSTILE]
    assert one.heat == [[80, 20, 0], [5, 95, 0], [0, 0, 0]]
    assert [(gallery.title, len(gallery.pictures)) for gallery in one.galleries] == [
        ("Taken for another class", 2), ("Seen where it is not", 1),
    ]  # fmt: skip
    assert [len(gallery.doubtful) for gallery in one.galleries] == [1, 0]


def test_curve__joins_promoted_rounds_and_only_of_one_test_side_by_a_line(settings: Settings) -> None:
    curve = curve_of(rounds_of(read_log(opened(settings))))
    assert curve is not None
    first, second, third, refused = curve.marks
    assert curve.line == f"M{first.x:.2f} {first.y:.2f}L{second.x:.2f} {second.y:.2f}"
    assert curve.dashed == f"M{second.x:.2f} {second.y:.2f}L{third.x:.2f} {third.y:.2f}"
    assert [mark.state for mark in curve.marks] == ["promoted"] * 3 + ["refused"]
    assert 0 <= first.top < first.y < first.bottom <= 100
    assert first.x < second.x < third.x < refused.x <= 100
    assert [words for _, words in curve.down] == ["50%", "60%", "70%", "80%", "90%"]
    assert curve.across[0] == (0, "0")
    assert all(place == sorted(place) for place in ([at for at, _ in curve.across], [-at for at, _ in curve.down]))


def test_reliability__leaves_out_bins_that_nobody_can_tell_anything_of() -> None:
    bins = [{"confidence": 0.9, "accuracy": 0.7, "n": 4}, {"confidence": None, "accuracy": None, "n": 0}]
    (dot,) = reliability(Calibration.model_validate({"bins": bins}))
    assert (round(dot.x), round(dot.y), round(dot.wanted)) == (90, 30, 10)


def test_page__tells_everything_and_hostile_names_are_text(settings: Settings) -> None:
    page = Path(write_report.fn(settings.root_uri)).read_text()
    learning = page.partition('<section id="learn"')[2].partition("</section>")[0]
    assert HOSTILE not in page
    assert learning.count(ESCAPED) >= 6  # the reason, advice, class by class and across, slices, an error
    for words in ("was refused", "−4.0 points (−9.0 to +1.0, p = 0.012)", "is the label right?", ">worse</td>", "1.70"):
        assert words in learning, words
    assert "snapshot-1</th><td>pets" in learning


def test_page__in_a_browser_light_and_narrow(settings: Settings, browser: Any) -> None:
    report = write_report.fn(settings.root_uri)
    for options in ({}, {"color_scheme": "dark"}):
        window = opened_page(browser, report, **options)
        dot = window.locator("#learn .mark.is-refused .dot").bounding_box()
        plot = window.locator("#learn .plot").first.bounding_box()
        assert plot["x"] < dot["x"] < plot["x"] + plot["width"]
        window.set_viewport_size({"width": 400, "height": 900})
        assert window.evaluate("document.documentElement.scrollWidth") == 400
        assert window.faults == []


def test_page__without_a_model_says_what_is_missing(root: Root) -> None:
    assert "No model yet" in Path(write_report.fn(root.uri)).read_text()


def test_evaluation__what_is_damaged_or_not_there_leaves_the_rest_of_the_page(root: Root) -> None:
    learn(root, "b-1", "committed", said={"version": 7})
    learn(root, "b-2", ontology="cars", value=None, low=None, high=None)
    assert read_evaluation(root, "b-1") is None
    pets, cars = read_learning(root, views.connect(root)).learned
    assert (pets.champion.evaluation if pets.champion else "") is None
    assert (cars.champion, cars.curve, cars.rounds[0].state) == (None, None, "undecided")
    page = Path(write_report.fn(root.uri)).read_text()
    assert "No model of cars was promoted yet" in page


def test_confusion__of_many_classes_is_a_list_of_the_most_frequent(root: Root) -> None:
    names = [f"class {number}" for number in range(30)]
    counts = [[0] * 30 for _ in names]
    counts[3][4], counts[5][5] = 7, 3
    said = evaluation("c-1", ["", "", ""], confusion={"classes": names, "counts": counts})
    learn(root, "c-1", "committed", said=said)
    (one,) = read_learning(root, views.connect(root)).learned
    assert one.heat == []
    assert [(taken.label, taken.predicted, taken.count, taken.size) for taken in one.taken] == [
        ("class 3", "class 4", 7, 7)
    ]


def bounded(said: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An evaluation whose first class and first slice have an interval, as newer ones do."""
    rows = {name: [said[name][0] | {"low": 0.123, "high": 0.456}, *said[name][1:]] for name in ("per_class", "slices")}
    rows["per_class"][0] |= more
    return said | rows


@pytest.mark.parametrize(("more", "of"), [({}, "of the recall"), ({"ap": 0.3}, "of the AP")])
def test_page__classes_and_slices_have_their_intervals(root: Root, more: dict[str, float], of: str) -> None:
    plain = evaluation("i-1", ["", "", ""])
    learn(root, "i-1", "committed", said=plain)
    page = Path(write_report.fn(root.uri)).read_text()
    assert "cam-3" in page
    assert 'Interval</th><th scope="col" class="right">Others' not in page
    assert "Interval<span" not in page
    learn(root, "i-2", "committed", said=bounded(plain | {"version": "i-2"}, **more))
    page = Path(write_report.fn(root.uri)).read_text()
    assert page.count("12.3% to 45.6%") == 2
    assert f'Interval<span class="aside"> {of}</span></th>' in page
    assert 'Interval</th><th scope="col" class="right">Others' in page


def test_status__names_the_champion_of_every_ontology(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    found = status(opened(settings), "")
    assert found["snapshots"] == 1
    (model,) = found["champions"]
    assert (model["ontology"], model["version"], model["value"], model["labels"]) == ("pets", "a-3", 0.8, 120)
    assert model["refused_since"] == ["a-4"]
    words = "a-3 of pets: balanced accuracy 80.0% (70.0% to 90.0%) with 120 labels; 1 refused since"
    assert champion_in_words(model) == words
    show_status(found)
    assert "a-3 of pets: balanced accuracy 80.0%" in capsys.readouterr().out
