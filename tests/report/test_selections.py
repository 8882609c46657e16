"""Selections on the page: what was asked, what was reached and what gave out, of old ones as far as it was counted."""

from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from tasks.report.page import write_report
from tasks.report.selections import SHOWN, hints_of, read_selections
from tasks.report.strategies import Share, strategies_of
from tasks.select.pick import commit_selection, pick_samples
from tasks.select.settings import SelectSettings
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root
from tests.pipeline import opened
from tests.report.conftest import opened_page
from tests.report.scene import HOSTILE, scene

ESCAPED = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"

SIZE = {"stated": 6, "wanted": 6, "budget": 6, "picks": 3, "testing": 0, "pool": 24, "aside": 0}
SHORT = {
    "selected": 3,
    "asked": [{"diversity": {"min_distance": 0.3}}],
    "reached": {"diversity": {"least distance": 0.3125}},
    "stopped": "diversity allows no further pick",
    "size": SIZE,
    "left_out": [],
    "silent": [],
}
ENOUGH = SHORT | {"selected": 6, "stopped": None, "size": SIZE | {"picks": 6}}
OVER = "It ended after 3 of 6 picks: diversity allows no further pick."


def commit(root: Root, name: str, counts: dict[str, Any]) -> None:
    """A selection as the log has it."""
    for event, told in (("planned", {"state": ""}), ("committed", counts)):
        record(root, lambda _log, event=event, told=told: Event(name, event, "select", "pool", told, ""))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A root with selections of every kind: an old one that counted nothing, one of everything, one that gave out."""
    made = scene(tmp_path_factory.mktemp("selections"), 150)
    root = opened(made)
    commit(root, "selection-0", {"selected": 2})
    everything = {
        "selected": 50,
        "asked": [
            {"threshold": {"column": HOSTILE, "at_least": 0.5}},
            {"tags": {"none": [HOSTILE]}},
            {"balance": {"column": HOSTILE, "target": {HOSTILE: 0.5}, "distribution": "target"}},
        ],
        "reached": {
            f"balance {HOSTILE}": {HOSTILE: {"share": 0.48, "wanted": 0.5}, "sun": {"share": 0.52, "wanted": 0.5}}
        },
        "stopped": HOSTILE,
        "size": SIZE,
        "left_out": [5, 1],
        "silent": [HOSTILE],
    }
    commit(root, HOSTILE, everything)
    asked = [
        {"diversity": {"min_distance": 1.1}},
        {"weights": {"column": "brightness", "strength": 2}},
        {"threshold": {"column": "brightness", "at_least": 0.45}},
        {"balance": {"column": "sensor_id"}},
    ]
    picking = SelectSettings.model_validate({"budget": 60, "strategies": asked})
    staged = pick_samples.fn(made.root_uri, "selection-3", 500, picking)
    commit_selection.fn(made.root_uri, "selection-3", staged)
    return made


def test_selections__the_newest_first_and_old_ones_as_far_as_they_were_counted(settings: Settings) -> None:
    last, hostile, old, first = read_selections(read_log(opened(settings))).newest
    assert [one.name for one in (last, hostile, old, first)] == ["selection-3", HOSTILE, "selection-0", "selection-1"]
    assert "of 60 picks: diversity allows no further pick." in last.ended
    assert last.is_short
    assert [each.name for each in last.strategies] == [
        "diversity", "weights brightness", "threshold brightness", "balance sensor_id",
    ]  # fmt: skip
    assert [each.strength for each in last.strategies] == [1, 2, None, 1]
    assert last.strategies[2].reached.startswith("left out ")
    assert {share.wanted for share in last.strategies[3].shares} == {1 / len(last.strategies[3].shares)}
    assert (old.size, old.ended, old.strategies) == (
        "Selected: 2 samples.", "Nothing gave out before the budget or the pool did.", [],
    )  # fmt: skip
    assert first.size.startswith("Asked for: 50 samples. Selected: 50 of the ")
    assert (first.ended, first.is_short) == ("The budget was reached: nothing gave out before.", False)


def test_selections__the_oldest_of_many_are_a_number(root: Root) -> None:
    for number in range(SHOWN + 3):
        commit(root, f"selection-{number}", SHORT)
    found = read_selections(read_log(root))
    assert [one.name for one in found.newest[:2]] == [f"selection-{SHOWN + 2}", f"selection-{SHOWN + 1}"]
    assert (len(found.newest), found.more) == (SHOWN, 3)
    assert "and 3 more" in Path(write_report.fn(root.uri)).read_text()


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (SHORT, [OVER]),
        (ENOUGH, []),
        (ENOUGH | {"silent": ["no candidate has it"]}, ["No candidate has it."]),
        (SHORT | {"stopped": None}, ["It ended after 3 of 6 picks: the pool of 24 samples has no more."]),
        (SHORT | {"stopped": None, "size": SIZE | {"aside": 21}},
         ["It ended after 3 of 6 picks: the pool of 24 samples, of which 21 are set aside for testing, has no more."]),
        (SHORT | {"stopped": None, "size": SIZE | {"aside": 1}, "left_out": [18, 2]},
         ["It ended after 3 of 6 picks: the pool of 24 samples, of which 1 are set aside for testing and filters left "
          "20 out, has no more."]),
        ({"selected": 3, "stopped": "diversity allows no further pick"},
         ["It ended after 3 picks: diversity allows no further pick."]),
        ({"selected": 3}, []),
    ],
)  # fmt: skip
def test_hints__of_a_selection_that_stays_below_its_budget(counts: dict[str, Any], said: list[str]) -> None:
    assert hints_of("night", counts) == [f"night: {sentence}" for sentence in said]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"stated": "25%"}, "Asked for: 25% of the pool, 6 samples. Selected: 3 of the 24 in the pool."),
        ({"stated": -1, "wanted": 24}, "Asked for: the whole pool, 24 samples, and the label queue had room for 6. "
                                       "Selected: 3 of the 24 in the pool."),
        ({"testing": 1, "picks": 5}, "Asked for: 6 samples. Selected: 3 of the 24 in the pool, 1 of them for testing. "
                                     "2 more left the pool meanwhile."),
    ],
)  # fmt: skip
def test_selections__say_what_was_asked_for(root: Root, size: dict[str, Any], said: str) -> None:
    commit(root, "night", SHORT | {"size": SIZE | size})
    assert read_selections(read_log(root)).newest[0].size == said


@pytest.mark.parametrize(
    ("asked", "reached", "phrases", "words"),
    [
        ("default", {"coverage": {"before": 0.1, "after": 0.4}}, "", "10.0% of the pool covered before, 40.0% after"),
        ("default", {"coverage": {"before": 0, "after": 0.4}, "random": 1.5}, "", "partly by chance"),
        ({"coverage": {"of": "crops", "radius": 0.5}}, {"coverage of crops": {"before": 0, "after": 1}}, "radius 0.5",
         "100.0% after"),
        (*SHORT["asked"], SHORT["reached"], "nothing nearer than 0.3", "no pick nearer than 0.312 to"),
        ({"similarity": {"tag": "odd"}}, {"similarity": 0.75}, "to samples with the tag odd", "of the picks 0.750"),
        ({"similarity": {"samples": ["a"]}}, {}, "to 1 sample by their ids", ""),
        ({"typicality": {"min_typicality": 0.4, "num_nearest_neighbors": 9}}, {"typicality": 0.5},
         "nothing less typical than 0.4; 9 neighbours", "mean typicality of the picks 0.500"),
        ({"weights": {"column": "heat", "max_sum": 4.5}}, {"weights heat": {"sum": 4.25}}, "sum at most 4.5",
         "sum over the picks 4.25"),
        ({"weights": {"column": "heat", "target_range": {"min_sum": 3, "max_sum": 4}}}, {"weights heat": {"sum": 2.0}},
         "sum at least 3; sum at most 4", "less than was asked for"),
        ({"random": {"seed": 3}}, {"random": 2.5}, "seed 3", ""),
        ({"threshold": {"column": "heat", "smaller": 3, "bigger": 1}}, {}, "above 1; below 3", "left out 4 of 24"),
        ({"tags": {"any": ["a", "b"]}}, {}, "with any of the tags a, b", "left out 4 of 24 samples"),
    ],
)  # fmt: skip
def test_strategies__in_words(asked: object, reached: dict[str, Any], phrases: str, words: str) -> None:
    (one,) = strategies_of(SHORT | {"asked": [asked], "reached": reached, "left_out": [4]})
    assert "; ".join(one.asked) == phrases
    assert words in one.reached
    assert bool(words) == bool(one.reached)


def test_strategies__of_one_name_each_has_its_own_figures() -> None:
    reached = {name: {"before": 0, "after": after} for name, after in (("coverage", 0.25), ("coverage (2)", 0.5))}
    both = strategies_of({"asked": ["default", {"coverage": {}}], "reached": reached})
    assert ["25.0%" in both[0].reached, "50.0%" in both[1].reached] == [True, True]


def test_strategies__default_draws_only_what_was_not_asked_for() -> None:
    reached = {"coverage": {"before": 0, "after": 0.5}, "random": {}}
    for asked, more, drawn in ((["default"], {}, True), (["default", "random"], {}, False),
                               (["default", "random"], {"random (2)": {}}, True)):  # fmt: skip
        told = strategies_of({"asked": asked, "reached": reached | more})[0]
        assert ("partly by chance" in told.reached) == drawn


def test_strategies__shares_against_those_that_were_asked_for() -> None:
    told = {"sun": {"share": 0.5, "wanted": 0.6}, "rain": {"share": 0.5, "wanted": 0.4}}
    for reached, wanted in ((told, [0.6, 0.4]), ({"sun": 0.5, "rain": 0.5}, [None, None])):
        (one,) = strategies_of({"asked": [{"balance": {"column": "sky"}}], "reached": {"balance sky": reached}})
        assert one.shares == [Share(name, 0.5, each) for name, each in zip(told, wanted, strict=True)]


def test_page__tells_them_and_hostile_names_are_text(settings: Settings) -> None:
    page = Path(write_report.fn(settings.root_uri)).read_text()
    selected = page.partition('<section id="selected"')[2].partition("</section>")[0]
    assert HOSTILE not in selected
    assert selected.count(ESCAPED) >= 7  # name, end, silence, two filters, the tag, balance and its category
    for words in ("diversity allows no further pick", "48.0% (asked 50.0%)", "left out 5 of 24 samples", "selection-0"):
        assert words in selected, words


def test_page__in_a_browser_light_dark_and_narrow(settings: Settings, browser: Any) -> None:
    report = write_report.fn(settings.root_uri)
    for options in ({}, {"color_scheme": "dark"}):
        window = opened_page(browser, report, **options)
        window.click("#selected .earlier > summary")
        assert window.locator("#selected .selection:visible").count() == 4
        window.set_viewport_size({"width": 400, "height": 900})
        assert window.evaluate("document.documentElement.scrollWidth") == 400
        assert window.faults == []
