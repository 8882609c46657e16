"""The page in a browser: the map, the lasso, the command, the links; with a mouse and without one."""

import re
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from tasks.report import page
from tasks.report.page import write_report
from tasks.report.projection import SIDE, draw_map
from tasks.select.tag import listed_samples
from tasks.store import choices
from tasks.store.root import Root
from tests.pipeline import opened, rows
from tests.report.conftest import opened_page
from tests.report.scene import DARK_FROM, SENSORS, scene

INTERACTIVE_MS = 3000
"""From the start of loading until the map answers, at 20,000 samples."""


@pytest.fixture(scope="module")
def report(made: Settings) -> str:
    """Where the report of the made dataset is."""
    return write_report.fn(made.root_uri)


def lasso(window: Any, shape: list[tuple[float, float]], **keys: Any) -> None:
    """Draw around a part of the map; corners as shares of its width and height."""
    window.locator("#map-canvas").scroll_into_view_if_needed()
    box = window.locator("#map-canvas").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shape]
    window.mouse.move(*points[0])
    window.mouse.down()
    for point in [*points[1:], points[0]]:
        window.mouse.move(*point, steps=4)
    window.mouse.up()


def chosen(window: Any) -> int:
    """How many samples the page says are chosen."""
    found = re.match(r"([\d,]+) chosen", window.locator("#chosen-title").text_content())
    return int(found[1].replace(",", "")) if found else 0


def saved_ids(window: Any, settings: Settings, folder: Path) -> set[str]:
    """The ids that the page saves, read as the command reads them."""
    with window.expect_download() as download:
        window.click("#save-ids")
    download.value.save_as(folder / "ids.txt")
    return set(listed_samples(opened(settings), str(folder / "ids.txt")))


def left_of(settings: Settings, x: float) -> set[str]:
    """Embedded samples whose place is in that share of the map."""
    root = opened(settings)
    ids = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM embeddings ORDER BY sample_id")]
    drawn = draw_map(root, choices.recall(root, "embed.model"), ids)
    assert drawn is not None
    return {sample for sample, (at, _) in zip(drawn.ids, drawn.positions, strict=True) if at < x * SIDE}


def test_lasso__chooses_what_it_encloses_and_its_command_tags_it(
    browser: Any, report: str, made: Settings, tmp_path: Path
) -> None:
    window = opened_page(browser, report)
    lasso(window, [(0.3, 0.001), (0.3, 0.999), (0, 0.999), (0, 0.001)])
    found = saved_ids(window, made, tmp_path)
    embedded = {row["sample_id"] for row in rows(made, "SELECT sample_id FROM embeddings")}
    assert left_of(made, 0.297) <= found & embedded <= left_of(made, 0.303)
    assert chosen(window) == len(found) > 40
    assert "--ids winnow-chosen.txt --root" in window.locator("#tag-command").text_content()
    window.fill("#tag-name", "it's night")
    assert """winnow tag 'it'\\''s night' --ids""" in window.locator("#tag-command").text_content()
    assert window.faults == []


def test_keyboard__goes_from_sample_to_sample_chooses_and_opens(browser: Any, report: str, made: Settings) -> None:
    window = opened_page(browser, report, color_scheme="dark")
    window.focus("#map-canvas")
    for pressed in ("ArrowRight", "Space", "r", "ArrowDown", "ArrowRight", "r"):
        window.keyboard.press(pressed)
    assert chosen(window) >= 2
    named = re.findall(r"'([0-9a-f]{20,})'", window.locator("#tag-command").text_content())
    assert len(named) == chosen(window)
    assert len(rows(made, f"SELECT 1 FROM samples WHERE sample_id IN {tuple(named)}")) == len(named)
    window.keyboard.press("Enter")
    assert window.locator("#card").evaluate("card => card.open")
    window.keyboard.press("Escape")
    assert window.evaluate("document.activeElement.id") == "map-canvas"
    assert window.faults == []


def test_links__lead_from_a_sample_to_its_group_video_day_and_place(browser: Any, report: str, made: Settings) -> None:
    repeat = rows(made, "SELECT sample_id, kept_id FROM duplicates JOIN samples USING (sample_id) ORDER BY 1")[0]
    window = opened_page(browser, f"{report}")
    window.evaluate(f"location.hash = '#sample-{repeat['sample_id']}'")
    window.wait_for_selector("#card[open] .strip")
    window.click(f"#card .strip a[href='#sample-{repeat['kept_id']}']")
    window.wait_for_function(f"location.hash === '#sample-{repeat['kept_id']}'")
    window.click("#card .row >> text=on the map")
    assert not window.locator("#card").evaluate("card => card.open")
    frame = rows(made, "SELECT sample_id FROM samples WHERE media = 'frame' ORDER BY 1")[0]["sample_id"]
    window.evaluate(f"location.hash = '#sample-{frame}'")
    window.click("#card .row >> text=its video")
    assert chosen(window) == 30
    window.evaluate(f"location.hash = '#day-2026-03-02-{SENSORS[0]}'")
    window.wait_for_function("document.getElementById('chosen-title').textContent.includes('2026-03-02')")
    assert chosen(window) == 6
    assert window.faults == []


def test_days__table_marks_the_dark_days_and_strips_are_filled(browser: Any, report: str) -> None:
    window = opened_page(browser, report)
    window.click("#days > details > summary")
    window.click("#days details[data-sensor='0'] > summary")
    window.wait_for_selector("#days details[data-sensor='0'] tr:has(td.out)")
    marked = window.locator("#days details[data-sensor='0'] tr:has(td.out) th").all_text_contents()
    assert marked == [f"2026-03-{day + 1:02d}" for day in range(DARK_FROM, 20)][::-1]
    window.locator("[data-video='0']").scroll_into_view_if_needed()
    window.wait_for_selector("[data-video='0'] .frame")
    times = window.locator("[data-video='0'] .time").all_text_contents()
    assert len(times) == 30
    assert times == sorted(times)
    assert window.faults == []


def test_page__with_pictures_beside_it(
    browser: Any, made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "INSIDE_BYTES", 0)
    window = opened_page(browser, write_report.fn(made.root_uri))
    window.click("#legend >> text=choose >> nth=0")
    shown = window.locator("#chosen-pictures .thumb").first
    assert "thumbnails/" in shown.evaluate("thumb => getComputedStyle(thumb).backgroundImage")
    assert window.faults == []


def test_page__of_a_root_without_anything(browser: Any, root: Root) -> None:
    window = opened_page(browser, write_report.fn(root.uri))
    assert "Too few samples are embedded for a map" in window.locator("#map").text_content()
    assert "Nothing has come yet" in window.locator("#days").text_content()
    assert window.faults == []


@pytest.mark.slow
def test_page__of_20_000_samples_is_interactive_within_seconds(browser: Any, tmp_path: Path) -> None:
    settings = scene(tmp_path, 20_000)
    report = Path(write_report.fn(settings.root_uri))
    assert report.stat().st_size < 20_000_000
    window = opened_page(browser, report)
    lasso(window, [(0.5, 0.001), (0.5, 0.999), (0, 0.999), (0, 0.001)])
    found = saved_ids(window, settings, tmp_path)
    assert left_of(settings, 0.497) <= found
    assert int(window.evaluate("document.documentElement.dataset.ready")) < INTERACTIVE_MS
    assert window.faults == []
