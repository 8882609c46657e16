"""Prune: only what nothing needs is named, and only while what stays in its place is there."""

from pathlib import Path

import cv2

from tasks.export.prune import told_as_csv, totals, unneeded
from tasks.select.tag import put_tag
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, settings_for


def messy(maker: Maker, tmp_path: Path):
    """Two scenes, an exact copy and a smaller near-copy of the first, a copy of that one, and a broken file."""
    scene = photograph(1, 800, 600)
    small = jpeg(cv2.resize(scene, (400, 300), interpolation=cv2.INTER_AREA))
    maker.write("a.jpg", jpeg(scene))
    maker.write("b-copy.jpg", jpeg(scene))
    maker.write("c-small.jpg", small)
    maker.write("d-small-copy.jpg", small)
    maker.write("e-other.jpg", jpeg(photograph(2, 800, 600)))
    maker.write("f-broken.jpg", jpeg(scene)[:5000])
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    return settings


def advised(settings) -> dict[str, tuple[str, str | None]]:
    name = lambda uri: uri and uri.rpartition("/")[2]  # noqa: E731
    found = unneeded(opened(settings)).to_pylist()
    return {name(row["uri"]): (row["why"], name(row["kept_uri"])) for row in found}


def test_unneeded__copies_duplicates_and_rejects_with_what_stays(maker: Maker, tmp_path: Path) -> None:
    settings = messy(maker, tmp_path)
    assert advised(settings) == {
        "b-copy.jpg": ("exact copy", "a.jpg"),
        "c-small.jpg": ("perceptual duplicate", "a.jpg"),
        "d-small-copy.jpg": ("perceptual duplicate", "a.jpg"),
        "f-broken.jpg": ("reject: damaged", None),
    }
    told = unneeded(opened(settings))
    told_as_csv(told, str(tmp_path / "list.csv"))
    assert (tmp_path / "list.csv").read_text().count("\n") == 1 + len(told)
    assert totals(told)["exact copy"] == (1, (maker.folder / "b-copy.jpg").stat().st_size)


def test_unneeded__nothing_is_named_whose_original_is_gone_or_changed(maker: Maker, tmp_path: Path) -> None:
    settings = messy(maker, tmp_path)
    (maker.folder / "a.jpg").write_bytes(b"something else")
    assert set(advised(settings)) == {"f-broken.jpg"}


def test_unneeded__a_tagged_duplicate_is_needed(maker: Maker, tmp_path: Path) -> None:
    settings = messy(maker, tmp_path)
    put_tag(opened(settings), "golden", [rows(settings, "SELECT sample_id FROM duplicates")[0]["sample_id"]])
    assert advised(settings) == {
        "b-copy.jpg": ("exact copy", "a.jpg"),
        "d-small-copy.jpg": ("exact copy", "c-small.jpg"),
        "f-broken.jpg": ("reject: damaged", None),
    }


def test_unneeded__a_place_that_once_held_something_needed_is_left_alone(maker: Maker, tmp_path: Path) -> None:
    settings = messy(maker, tmp_path)
    (maker.folder / "e-other.jpg").write_bytes(b"no picture any more")
    curate(settings)
    assert "e-other.jpg" not in advised(settings)
