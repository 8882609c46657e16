"""What a model is shown: thumbnails, or originals that are still the same."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tasks.embed.choose import recorded_model
from tasks.embed.members import CROPS
from tasks.embed.pictures import Pictures
from tasks.store import tables
from tasks.store.errors import WinnowError
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, settings_for

WIDTH, HEIGHT = 1200, 900


@pytest.fixture
def large(maker: Maker) -> Maker:
    """Four photographs with a fine pattern that no thumbnail shows."""
    chance = np.random.default_rng(0)
    for number in range(4):
        scene = cv2.resize(photograph(number), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        scene[100:180, 100:180] = 255 * chance.integers(0, 2, (80, 80, 1))
        maker.write(f"{number}.jpg", jpeg(scene, 97))
    return maker


def test_originals__are_seen_where_settings_ask_for_them(large: Maker, tmp_path: Path) -> None:
    small, whole = (
        settings_for(large.folder, tmp_path / pixels, embed__pixels=pixels) for pixels in ("thumbnail", "original")
    )
    assert curate(small).counts["embedded"] == curate(whole).counts["embedded"] == 4
    tables_of = {opened(one): recorded_model(opened(one)) for one in (small, whole)}
    names = [model.name for model in tables_of.values() if model]
    assert names == ["descriptor-1", "descriptor-1-original"]
    vectors = []
    for root, model in tables_of.items():
        assert model is not None
        dataset = tables.open_table(root, model.table)
        assert dataset is not None
        vectors.append(tables.matrix(dataset.to_table().sort_by("sample_id")["vector"]))
    cosines = np.einsum("ij,ij->i", *vectors)
    assert cosines.min() > 0.98
    assert not np.array_equal(*vectors)


def test_originals__that_are_gone_or_changed_are_seen_as_thumbnails(
    large: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curate(settings_for(large.folder, tmp_path / "root"))
    (large.folder / "0.jpg").unlink()
    (large.folder / "1.jpg").write_bytes(jpeg(photograph(9)))
    whole = settings_for(large.folder, tmp_path / "root", embed__pixels="original", ingest__include=["2.jpg", "3.jpg"])
    told = curate(whole)
    assert told.counts["embedded"] == 4
    assert told.counts["from_thumbnails"] == 2
    assert any("2 originals are gone or changed" in hint for hint in told.hints)
    named = rows(whole, "SELECT model, count(*) AS n FROM embeddings GROUP BY model ORDER BY model")
    assert named == [{"model": "descriptor-1", "n": 4}, {"model": "descriptor-1-original", "n": 4}]


def test_originals__of_a_store_that_fails_are_waited_for(large: Maker, tmp_path: Path) -> None:
    """A folder that is no folder for a while: what could not be reached is not called gone."""
    curate(settings_for(large.folder, tmp_path / "root"))
    large.folder.rename(tmp_path / "away")
    large.folder.symlink_to(large.folder)
    whole = settings_for(tmp_path / "away", tmp_path / "root", embed__pixels="original")
    with pytest.raises(WinnowError, match="cannot be read now"):
        curate(whole)
    large.folder.unlink()
    (tmp_path / "away").rename(large.folder)
    told = curate(settings_for(large.folder, tmp_path / "root", embed__pixels="original"))
    assert told.counts["embedded"] == 4
    assert "from_thumbnails" not in told.counts


@pytest.mark.parametrize("originals", [False, True])
def test_crops__are_cut_at_the_same_place_of_either(large: Maker, tmp_path: Path, originals: bool) -> None:
    settings = settings_for(large.folder, tmp_path / "root")
    curate(settings)
    found = rows(settings, "SELECT sample_id, source_uri FROM samples ORDER BY source_uri")
    asked = [(found[place]["sample_id"], 100 * edge, 100, 100 * edge + 80, 180) for place in (0, 1) for edge in (1, 4)]
    columns = [[f"{number}" for number in range(4)], *map(list, zip(*asked, strict=True))]
    members = pa.table([pa.array(one) for one in columns], names=CROPS.names).cast(CROPS)
    pictures = Pictures(opened(settings), members, originals=originals, short_side=64, crop=1.0)
    shown = [*pictures.of(slice(0, 3)), *pictures.of(slice(3, 4))]
    assert pictures.small == []
    for pixels, (_, left, top, right, bottom), source in zip(shown, asked, (0, 0, 1, 1), strict=True):
        scene = cv2.imread(str(large.folder / f"{source}.jpg"))[top:bottom, left:right, ::-1]
        fine = [float(cv2.Laplacian(cv2.resize(one, (64, 64)), cv2.CV_64F).std()) for one in (pixels, scene)]
        alike = np.abs(cv2.resize(pixels, (8, 8), interpolation=cv2.INTER_AREA).astype(int) - _coarse(scene)).mean()
        assert alike < 20
        if left == 100:
            assert fine[0] > 0.6 * fine[1] if originals else fine[0] < 0.5 * fine[1]


def _coarse(scene: np.ndarray) -> np.ndarray:
    return cv2.resize(scene, (8, 8), interpolation=cv2.INTER_AREA).astype(int)
