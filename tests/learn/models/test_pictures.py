"""What networks are shown: thumbnails, or originals that are still the same."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.learn.fit.fit import fit_model
from tasks.learn.fit.pixels import copy_pictures
from tasks.learn.models.file import read_config, read_predicted
from tasks.learn.models.pictures import pictures_of
from tasks.learn.models.predict import predict_samples
from tasks.learn.settings import LearnSettings
from tasks.store.errors import WinnowError
from tests.learn.fit.conftest import SMALL
from tests.learn.made import make_snapshot
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, settings_for

WIDTH, HEIGHT, SIDE = 900, 600, 448


@pytest.fixture
def large(maker: Maker) -> Maker:
    """Three photographs with a fine pattern that no thumbnail shows."""
    chance = np.random.default_rng(0)
    for number in range(3):
        scene = cv2.resize(photograph(number), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        scene[200:400, 300:500] = 255 * np.kron(chance.integers(0, 2, (50, 50, 1)), np.ones((4, 4, 1)))
        maker.write(f"{number}.jpg", jpeg(scene, 97))
    return maker


@pytest.mark.parametrize(("whole", "side"), [(False, SIDE), (True, 640)])
def test_copy_pictures__originals_show_what_thumbnails_do_not(
    large: Maker, tmp_path: Path, whole: bool, side: int
) -> None:
    settings = settings_for(large.folder, tmp_path / "root")
    curate(settings)
    root, ids = opened(settings), [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples")]
    small = copy_pictures(root, "s1", ids, side, whole=whole)
    large_ones = copy_pictures(root, "s1", ids, side, whole=whole, source="original")
    assert f"3 of 3 thumbnails are smaller than the squares of {side} pixels" in small.notes[0]
    assert large_ones.notes == []
    assert np.array_equal(small.scales, large_ones.scales)
    fine = [[cv2.Laplacian(one, cv2.CV_64F).std() for one in copy.open()] for copy in (small, large_ones)]
    assert all(after > 1.3 * before for before, after in zip(*fine, strict=True))
    coarse = [[cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA) for one in c.open()] for c in (small, large_ones)]
    assert np.abs(np.subtract(*coarse, dtype=np.int64)).mean() < 6
    few = copy_pictures(root, "s1", ids, 64, whole=whole)
    assert few.notes == []


def test_copy_pictures__originals_that_are_gone_or_changed_are_seen_as_thumbnails(large: Maker, tmp_path: Path) -> None:
    settings = settings_for(large.folder, tmp_path / "root")
    curate(settings)
    root = opened(settings)
    told = rows(settings, "SELECT sample_id, source_uri FROM samples ORDER BY source_uri")
    ids = [row["sample_id"] for row in told]
    (large.folder / "0.jpg").unlink()
    (large.folder / "1.jpg").write_bytes(jpeg(photograph(9)))
    assert [is_small for _, _, is_small in pictures_of(root, ids, "original", SIDE, whole=True)] == [True, True, False]
    notes = copy_pictures(root, "s1", ids, SIDE, whole=True, source="original").notes
    assert notes == ["2 of 3 originals are gone or changed: their thumbnails were learned from."]
    assert copy_pictures(root, "s1", ids, SIDE, whole=True, source="original").notes == notes  # as after a kill
    large.folder.rename(tmp_path / "away")
    large.folder.symlink_to(large.folder)
    with pytest.raises(WinnowError, match="run the same command again"):
        pictures_of(root, ids, "original", SIDE, whole=True)


def test_predict_samples__looks_at_what_the_model_was_trained_on(large: Maker, tmp_path: Path) -> None:
    large.photographs(3, first=10, width=WIDTH, height=HEIGHT)
    settings = settings_for(large.folder, tmp_path / "root")
    curate(settings)
    root, ids = opened(settings), [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples")]
    make_snapshot(root, "s1", ids, [{"class": ("red", "blue")[place % 2]} for place in range(len(ids))], "class")
    asked = {"method": "finetune", "architecture": SMALL, "pretrained": False, "side": 384, "epochs": 1, "batch": 4}
    versions = [
        fit_model(root.uri, "s1", LearnSettings.model_validate({"fit": {**asked, "pixels": source}})).version
        for source in ("thumbnail", "original")
    ]
    assert [read_config(root, version).pixels for version in versions] == ["thumbnail", "original"]
    told = {row["sample_id"]: shares(row["value"]) for row in read_predicted(root, versions[1]).to_pylist()}
    again = [shares(text) for text in predict_samples(root, versions[1], ids)["value"].to_pylist()]
    assert np.abs(np.array(again) - np.array([told[one] for one in ids])).max() < 0.02
    for file in large.folder.rglob("*.jpg"):
        file.unlink()
    blurred = [shares(text) for text in predict_samples(root, versions[1], ids)["value"].to_pylist()]
    assert not np.allclose(blurred, again, atol=1e-6)


def shares(text: str) -> list[float]:
    return [share for _, share in sorted(json.loads(text)["probabilities"].items())]
