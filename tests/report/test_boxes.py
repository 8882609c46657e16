"""Boxes of a detector's errors: they lie where the pixels are, whatever the shape of the picture."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from flows.settings import Settings
from tasks.report.boxes import Box, boxes_of
from tasks.report.evaluation import Evaluation, Mistake
from tasks.report.learn import read_learning
from tasks.report.page import write_report
from tasks.store import views
from tests.benchmarks.made_root import listed_files, made_root
from tests.made import jpeg
from tests.pipeline import opened, rows, settings_for
from tests.report.conftest import opened_page
from tests.report.learned import evaluation, learn
from tests.report.scene import HOSTILE, dressed

LONG, SHORT = 1200, 400
BOX = (600.0, 80.0, 500.0, 160.0)
"""In the wide picture; the tall one is the same, mirrored at its diagonal."""


def detected(folder: Path, tall: bool) -> Settings:
    """A root of pictures, black with a blue block, and a detector that missed it once and made it up twice."""
    x, y, wide, high = (round(edge / 4) for edge in BOX)
    pixels = np.zeros((SHORT // 4, LONG // 4, 3), np.uint8)
    pixels[y : y + high, x : x + wide] = (20, 60, 250)
    shown = jpeg(np.ascontiguousarray(pixels.swapaxes(0, 1)) if tall else pixels)

    def pictured(made: pa.Table) -> pa.Table:
        made = dressed(made).drop_columns(["width", "height", "thumbnail"])
        columns = {"width": SHORT if tall else LONG, "height": LONG if tall else SHORT, "thumbnail": shown}
        for name, value in columns.items():
            made = made.append_column(name, pa.array([value] * len(made)))
        return made

    listed_files(folder / "source", 24)
    made = settings_for(folder / "source", folder / "root")
    made_root(made, pictured)
    ids = [row["sample_id"] for row in rows(made, "SELECT sample_id FROM kept ORDER BY sample_id")]
    box = [BOX[1], BOX[0], BOX[3], BOX[2]] if tall else list(BOX)
    errors = [
        {"sample_id": ids[0], "label": "dog", "probability": 0.9, "kind": "false_negative", "box": box},
        {"sample_id": ids[1], "predicted": HOSTILE, "probability": 0.8, "kind": "false_positive", "box": box},
        {"sample_id": ids[1], "predicted": "cat", "probability": 0.7, "kind": "false_positive", "box": [0, 0, 50, 50]},
        {"sample_id": ids[2], "label": "dog", "probability": 0.7, "kind": "false_negative"},
    ]
    learn(opened(made), "d-1", "committed", said=evaluation("d-1", ids, errors=errors))
    return made


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A root of wide pictures."""
    return detected(tmp_path_factory.mktemp("wide"), tall=False)


def mistake(sample: str, kind: str, box: tuple[float, ...] | None) -> Mistake:
    return Mistake.model_validate({"sample_id": sample, "label": "dog", "kind": kind, "box": box})


def test_boxes_of__percent_of_the_original_cut_at_its_edges(wide: Settings) -> None:
    connection = views.connect(opened(wide))
    (one, *_) = [row["sample_id"] for row in rows(wide, "SELECT sample_id FROM samples ORDER BY sample_id")]
    several = [
        mistake(one, "false_negative", BOX),
        mistake(one, "false_positive", (-100.0, 300.0, 400.0, 300.0)),
        mistake(one, "false_positive", None),
        mistake("gone", "false_positive", BOX),
    ]
    assert boxes_of(connection, several) == {
        one: [
            Box(50, 20, pytest.approx(41.67, abs=0.01), 40, "false_negative",
                "dog, not seen, 50% from the left and 20% from the top"),
            Box(0, 75, 25, 25, "false_positive", "dog, seen where it is not, 0% from the left and 75% from the top"),
        ]
    }  # fmt: skip
    assert boxes_of(connection, several[2:3]) == {}


def test_galleries__have_the_boxes_of_the_errors_that_they_show(wide: Settings) -> None:
    root = opened(wide)
    (one,) = read_learning(root, views.connect(root)).learned
    found = [(gallery.kind, [len(gallery.boxes.get(shown.sample_id, ())) for shown in gallery.pictures])
             for gallery in one.galleries]  # fmt: skip
    assert found == [("false_positive", [2]), ("false_negative", [1, 0])]
    page = Path(write_report.fn(wide.root_uri)).read_text()
    assert page.count('class="outlined"') == 2
    assert 'aria-label="dog, not seen, 50% from the left and 20% from the top"' in page
    assert HOSTILE not in page


def test_evaluation__without_boxes_is_still_read(wide: Settings) -> None:
    assert Evaluation.model_validate(evaluation("old", ["a", "b", "c"])).errors[0].box is None


@pytest.mark.parametrize("tall", [False, True])
def test_page__a_box_lies_on_the_pixels_that_it_is_about(tall: bool, tmp_path: Path, browser: Any) -> None:
    window = opened_page(browser, write_report.fn(detected(tmp_path, tall).root_uri))
    for kind in ("false_negative", "false_positive"):
        figure = window.locator(f"#learn figure:has(rect.is-{kind})")
        figure.scroll_into_view_if_needed()
        box = figure.locator(f"rect.over.is-{kind}").first.evaluate("box => box.getBoundingClientRect().toJSON()")
        frame = figure.bounding_box()
        figure.locator("svg").evaluate("svg => { svg.style.visibility = 'hidden'; }")
        pixels = np.asarray(Image.open(io.BytesIO(figure.screenshot())).convert("RGB")).astype(int)
        down, across = np.nonzero((pixels[..., 2] > 150) & (pixels[..., 0] < 80))
        left, top = box["x"] - frame["x"], box["y"] - frame["y"]
        drawn = [left, top, left + box["width"], top + box["height"]]
        assert drawn == pytest.approx([across.min(), down.min(), across.max() + 1, down.max() + 1], abs=2)
        assert max(across.max() - across.min(), down.max() - down.min()) > 30
    looks = [
        window.locator(f"#learn rect.over.is-{kind}").first.evaluate("box => getComputedStyle(box).strokeDasharray")
        for kind in ("false_negative", "false_positive")
    ]
    assert looks[0] != looks[1] == "none"
    assert window.faults == []
