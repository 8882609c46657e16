"""Contact sheets: everybody in their cell, drawn once, gone when they are gone."""

import cv2
import numpy as np
import pyarrow as pa
import pytest
import simplejpeg

from tasks.report.sheets import (
    A_SHEET,
    ACROSS,
    CELL,
    GREY,
    contain,
    draw_sheets,
    forget_older_sheets,
    in_cells,
    sheet_uri,
)
from tasks.store import tables
from tasks.store.root import Root
from tasks.store.schema import SAMPLES
from tests.made import jpeg


def colour_of(number: int) -> np.ndarray:
    """A colour of its own for each of some hundred numbers."""
    return np.array([number % 7 * 40, number % 11 * 23, number % 5 * 60], np.uint8)


def samples(root: Root, count: int, first: int = 0) -> list[str]:
    """Samples whose thumbnails are 256 x 256 pixels of one colour; their ids."""
    ids = [f"{number:05d}" for number in range(first, first + count)]
    pictures = [jpeg(np.full((256, 256, 3), colour_of(int(one)), np.uint8)) for one in ids]
    rows = {field.name: pa.nulls(count, field.type) for field in SAMPLES.schema}
    rows |= {"sample_id": pa.array(ids), "thumbnail": pa.array(pictures, pa.binary())}
    tables.insert(root, SAMPLES, pa.table(rows, schema=SAMPLES.schema))
    return ids


def nobody(_left_out: list[str]) -> set[str]:
    """What is not on the page is gone."""
    return set()


def seen(root: Root, name: str, cell: int) -> np.ndarray:
    """The colour in the middle of a cell."""
    sheet = simplejpeg.decode_jpeg(root.storage.read(sheet_uri(root, name)), "RGB")
    return sheet[cell // ACROSS * CELL + CELL // 2, cell % ACROSS * CELL + CELL // 2].astype(int)


def test_draw_sheets__each_in_its_cell_and_full_sheets_drawn_once(root: Root) -> None:
    ids = samples(root, A_SHEET + 3)
    first = draw_sheets(root, ids, nobody)
    for place in (0, 17, A_SHEET - 1, A_SHEET + 2):
        assert np.abs(seen(root, first.names[place // A_SHEET], place % A_SHEET) - colour_of(place)).max() < 12
    written = root.storage.stat(sheet_uri(root, first.names[0])).modified_at
    more = samples(root, 2, first=1000)
    second = draw_sheets(root, [*more, *ids], nobody)
    assert second.ids == [*ids, *more]
    assert second.names[0] == first.names[0]
    assert second.names[1] != first.names[1]
    assert root.storage.stat(sheet_uri(root, first.names[0])).modified_at == written
    forget_older_sheets(root, second)
    left = {entry.uri.rpartition("/")[2] for entry in root.storage.list(root.at("reports", "thumbnails"))}
    assert left == set(second.names)


def test_draw_sheets__who_is_only_left_out_keeps_the_cell(root: Root) -> None:
    ids = samples(root, 4)
    before = draw_sheets(root, ids, nobody)
    assert draw_sheets(root, ids[:2], set) == before


def test_draw_sheets__of_a_sample_that_is_gone_nothing_is_left(root: Root) -> None:
    ids = samples(root, 5)
    before = draw_sheets(root, ids, nobody)
    after = draw_sheets(root, [*ids[:2], *ids[3:]], nobody)
    assert after.ids == [*ids[:2], None, *ids[3:]]
    assert np.abs(seen(root, before.names[0], 2) - colour_of(2)).max() < 12
    assert np.abs(seen(root, after.names[0], 2) - GREY).max() < 6
    assert np.abs(seen(root, after.names[0], 3) - colour_of(3)).max() < 12


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(400, 256, (61, 96)), (256, 4096, (96, 6)), (40, 20, (48, 96))]
)
def test_contain__keeps_the_shape(width: int, height: int, expected: tuple[int, int]) -> None:
    pixels = cv2.resize(np.zeros((2, 2, 3), np.uint8), (width, height))
    assert contain(jpeg(pixels)).shape == (*expected, 3)


def test_contain__of_a_damaged_thumbnail_is_grey() -> None:
    assert set(contain(b"no picture").ravel().tolist()) == {GREY}


def test_in_cells__nobody_moves() -> None:
    assert in_cells(["a", None, "b"], ["c", "b", "d"]) == [None, None, "b", "c", "d"]
