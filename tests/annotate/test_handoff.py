"""Hand-off: a folder that annotators can use at once, the same however often it is written."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.annotate.handoff import hand_off, missing_handoffs
from tasks.annotate.settings import HandoffSettings
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, select, settings_for


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def handed_off(maker: Maker, tmp_path: Path, **overrides: Any) -> tuple[Any, Path]:
    settings = settings_for(maker.folder, tmp_path / "root", **overrides)
    curate(settings)
    select(settings)
    return settings, tmp_path / "root" / "handoff" / "selection-1"


def test_hand_off__images_tasks_skeleton_and_table(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(6)
    settings, folder = handed_off(maker, tmp_path, select__budget=4)
    picked = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM selections ORDER BY rank")]
    table = list(csv.DictReader((folder / "selection.csv").open()))
    assert [row["sample_id"] for row in table] == picked
    assert all((folder / row["file"]).is_file() for row in table)
    tasks = json.loads((folder / "label_studio.json").read_text())
    assert [task["data"]["sample_id"] for task in tasks] == picked
    assert all((folder / task["data"]["image"].partition("?d=")[2]).is_file() for task in tasks)
    skeleton = json.loads((folder / "coco.json").read_text())
    for entry in skeleton["images"]:
        assert Image.open(folder / entry["file_name"]).size == (entry["width"], entry["height"]) == (96, 72)
    assert (skeleton["annotations"], skeleton["categories"]) == ([], [])


def test_hand_off__written_twice_is_the_same(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(4)
    settings, folder = handed_off(maker, tmp_path)
    before = files(folder)
    hand_off.fn(settings.root_uri, "selection-1", settings.handoff)
    assert files(folder) == before


def test_hand_off__images_are_upright_full_size_and_without_metadata(maker: Maker, tmp_path: Path) -> None:
    scene = photograph(3, 600, 400)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 15.5), 3: "E", 4: (11.0, 34.0, 12.0)})
    maker.write("turned.jpg", jpeg(np.ascontiguousarray(np.rot90(scene)), exif=exif))
    _, folder = handed_off(maker, tmp_path)
    place = next((folder / "images").iterdir())
    shown = Image.open(place)
    assert shown.size == (600, 400)
    assert np.abs(np.asarray(shown).astype(int) - scene).mean() < 8
    assert not shown.getexif()
    assert b"SecretCamera" not in place.read_bytes()


def test_hand_off__a_changed_original_is_replaced_by_its_thumbnail(maker: Maker, tmp_path: Path) -> None:
    place = maker.photographs(2, width=800, height=600)[0]
    gone = maker.photographs(1, first=9, width=800, height=600)[0]
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    place.write_bytes(jpeg(photograph(77)))
    gone.unlink()
    summary = select(settings)
    assert any("2 originals are gone or changed" in hint for hint in summary.hints)
    table = list(csv.DictReader((tmp_path / "root" / "handoff" / "selection-1" / "selection.csv").open()))
    assert sorted(row["pixels"] for row in table) == ["original", "thumbnail", "thumbnail"]


def test_hand_off__thumbnails_if_asked_for(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(1, width=800, height=600)
    settings, folder = handed_off(maker, tmp_path, handoff__pixels="thumbnail")
    assert Image.open(next((folder / "images").iterdir())).size == (341, 256)
    assert settings.handoff == HandoffSettings(pixels="thumbnail")


def test_missing_handoffs__an_interrupted_one_is_finished_later(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(4)
    settings, folder = handed_off(maker, tmp_path)
    whole = files(folder)
    os.unlink(folder / "selection.csv")
    os.unlink(next((folder / "images").iterdir()))
    assert missing_handoffs(opened(settings)) == ["selection-1"]
    select(settings)
    assert files(folder) == whole
    assert missing_handoffs(opened(settings)) == []


@pytest.mark.parametrize("name", ["=1+1.jpg", 'a,b\n".jpg', "\udcff.jpg"])
def test_hand_off__hostile_names_stay_text(maker: Maker, tmp_path: Path, name: str) -> None:
    maker.write(name, jpeg(photograph(1)))
    _, folder = handed_off(maker, tmp_path)
    table = list(csv.DictReader((folder / "selection.csv").open()))
    assert len(table) == 1
    assert not any(value.startswith(("=", "+", "@")) for value in table[0].values())
