"""Embedding a batch: one unit vector a kept sample, in the table of its model; another model, another table."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tasks.embed import members, shard
from tasks.embed.again import plan_again
from tasks.embed.choose import choose_model, recorded_model, weights_of
from tasks.embed.settings import EmbedSettings
from tasks.gate.settle import release
from tasks.image.square import central_square
from tasks.store import choices, tables
from tasks.store.errors import StagedAwayError, UsageError
from tasks.store.kept import kept_in
from tasks.store.root import Root
from tests.embed.conftest import SMALL
from tests.made import Maker, photograph
from tests.pipeline import curate, opened, rows, settings_for


def vectors_of(root: Root, table: str) -> dict[str, np.ndarray]:
    dataset = tables.open_table(root, table)
    assert dataset is not None
    found = dataset.to_table()
    return dict(zip(found["sample_id"].to_pylist(), tables.matrix(found["vector"]), strict=True))


def test_embed__a_unit_vector_for_every_kept_sample(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(12)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    vectors = vectors_of(opened(settings), "embeddings_descriptor_1")
    assert set(vectors) == {row["sample_id"] for row in rows(settings, "SELECT sample_id FROM kept")}
    assert max(abs(float(np.linalg.norm(vector)) - 1) for vector in vectors.values()) < 2e-3


def test_embed__shards_make_no_difference(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker.photographs(12)
    whole = settings_for(maker.folder, tmp_path / "whole")
    curate(whole)
    monkeypatch.setattr("tasks.embed.shard.SHARD_SIZE", 5)
    parts = settings_for(maker.folder, tmp_path / "parts")
    curate(parts)
    left, right = (vectors_of(opened(one), "embeddings_descriptor_1") for one in (whole, parts))
    assert all(np.array_equal(left[sample], right[sample]) for sample in left)


def test_embed__another_model_gets_its_own_table_for_all_samples(
    maker: Maker, tmp_path: Path, checkpoint: Path
) -> None:
    maker.photographs(6)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    maker.photographs(3, first=50)
    other = settings_for(maker.folder, tmp_path / "root", embed__model="auto", embed__checkpoint=str(checkpoint))
    curate(other)
    model = recorded_model(opened(other))
    assert model is not None
    assert model.name.startswith(f"{SMALL}-")
    assert len(vectors_of(opened(other), model.table)) == 9
    counts = rows(other, "SELECT model, count(*) AS n FROM embeddings GROUP BY model ORDER BY n")
    assert counts == [{"model": "descriptor-1", "n": 6}, {"model": model.name, "n": 9}]
    assert plan_again.fn(other.root_uri, other.embed) == ()


def test_choose_model__plain_auto_keeps_what_the_root_has(root: Root, checkpoint: Path) -> None:
    first = choose_model.fn(root.uri, EmbedSettings(checkpoint=str(checkpoint)))
    assert choose_model.fn(root.uri, EmbedSettings()) == first


def test_choose_model__other_pixels_keep_the_weights_and_there_is_a_way_back(root: Root, checkpoint: Path) -> None:
    first = choose_model.fn(root.uri, EmbedSettings(checkpoint=str(checkpoint)))
    whole = choose_model.fn(root.uri, EmbedSettings(pixels="original"))
    assert (whole.name, whole.checkpoint) == (f"{first.name}-original", first.checkpoint)
    assert weights_of(whole) == weights_of(first)
    assert choose_model.fn(root.uri, EmbedSettings()) == whole
    assert choose_model.fn(root.uri, EmbedSettings(checkpoint=str(checkpoint))) == whole
    assert choose_model.fn(root.uri, EmbedSettings(pixels="thumbnail")) == first
    assert choose_model.fn(root.uri, EmbedSettings(model="descriptor-1")).name == "descriptor-1"


def test_recorded_model__of_a_root_from_before_there_was_a_choice_saw_thumbnails(root: Root) -> None:
    told = {
        name: value for name, value in asdict(choose_model.fn(root.uri, EmbedSettings())).items() if name != "pixels"
    }
    choices.revise(root, choices.EMBEDDING, told, "as it was")
    recorded = recorded_model(root)
    assert recorded is not None
    assert recorded.pixels == "thumbnail"
    assert choose_model.fn(root.uri, EmbedSettings()) == recorded


def test_choose_model__without_weights_says_how_to_get_better_vectors(root: Root) -> None:
    model = choose_model.fn(root.uri, EmbedSettings())
    assert model.name == "descriptor-1"
    assert "--checkpoint" in model.hint


def test_weights_of__a_replaced_file_is_noticed(maker: Maker, tmp_path: Path, checkpoint: Path) -> None:
    copy = tmp_path / f"{SMALL}.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    settings = settings_for(maker.folder, tmp_path / "root", embed__model="auto", embed__checkpoint=str(copy))
    maker.photographs(2)
    curate(settings)
    copy.write_bytes(checkpoint.read_bytes() + b" ")
    maker.photographs(2, first=9)
    with pytest.raises(UsageError, match="no longer the file"):
        curate(settings)


@pytest.mark.parametrize(("width", "height"), [(256, 256), (340, 256), (256, 512), (100, 80), (30, 400)])
def test_central_square__is_centred_and_of_the_right_side(width: int, height: int) -> None:
    square = central_square(photograph(1, width, height), 224, 0.875)
    assert square.shape == (224, 224, 3)


def test_central_square__of_a_thumbnail_is_cut_out_unscaled() -> None:
    scene = photograph(1, 340, 256)
    assert np.array_equal(central_square(scene, 224, 0.875), scene[16:240, 58:282])


def test_central_square__of_a_strip_does_not_scale_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: list[int] = []
    real = cv2.resize

    def resize(pixels: Any, size: tuple[int, int], **options: Any) -> Any:
        scaled.append(size[0] * size[1])
        return real(pixels, size, **options)

    monkeypatch.setattr(cv2, "resize", resize)
    for shape in ((1, 4096, 3), (4096, 1, 3), (3, 4096, 3)):
        assert central_square(np.zeros(shape, np.uint8), 224, 0.875).shape == (224, 224, 3)
    assert max(scaled) <= 5 * 256 * 256


def _scaled_whole(pixels: np.ndarray, side: int, crop: float) -> np.ndarray:
    """The definition: all of the picture is scaled, then the middle is cut out."""
    height, width = pixels.shape[:2]
    scale = side / crop / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    way = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
    whole = cv2.resize(pixels, size, interpolation=way)
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return whole[top : top + side, left : left + side]


@pytest.mark.parametrize(
    ("width", "height", "levels"),
    [(340, 256, 0), (256, 512, 0), (100, 80, 0), (1000, 256, 0), (2000, 256, 0), (1501, 256, 0), (60, 1000, 3)],
)
def test_central_square__is_the_middle_of_the_whole_scaled(width: int, height: int, levels: int) -> None:
    """Up to 4:1 pixel by pixel, and at the scale of thumbnails always; else within `levels` of 255 on average."""
    scene = photograph(1, width, height)
    apart = np.abs(central_square(scene, 224, 0.875).astype(int) - _scaled_whole(scene, 224, 0.875))
    assert apart.mean() <= levels


def test_embed_shard__that_was_damaged_anywhere_is_made_again(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(6)
    settings = settings_for(maker.folder, tmp_path / "root", gates__embedded__mode="approve")
    held = curate(settings).held[0]
    staged = next((tmp_path / "root" / "staging" / held / "embed").glob("*/000000.parquet"))
    content = bytearray(staged.read_bytes())
    content[len(content) // 2] ^= 1
    staged.write_bytes(content)
    release(opened(settings), held, "fine")
    assert curate(settings).counts["embedded"] == 6
    assert len(vectors_of(opened(settings), "embeddings_descriptor_1")) == 6


def test_embed__asks_for_its_members_once_to_embed_and_once_to_commit(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.embed.shard.SHARD_SIZE", 2)
    asked: list[Any] = []
    monkeypatch.setattr(members, "kept_in", lambda *told: asked.append(told) or kept_in(*told))
    maker.photographs(7)
    assert curate(settings_for(maker.folder, tmp_path / "root")).counts["embedded"] == 7
    assert len(asked) <= 2


def test_commit_embed__is_refused_when_other_samples_are_kept_by_then(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.photographs(3)
    settings = settings_for(maker.folder, tmp_path / "root", gates__embedded__mode="approve")
    held = curate(settings).held[0]
    release(opened(settings), held, "fine")
    real = shard.members_now

    def one_less_by_then(*told: Any) -> pa.Table:
        return real(*told).slice(1)

    with monkeypatch.context() as patched:
        patched.setattr(shard, "members_now", one_less_by_then)
        with pytest.raises(StagedAwayError, match="run the same command again"):
            curate(settings)
    assert rows(settings, "SELECT * FROM embeddings") == []
    assert curate(settings).counts["embedded"] == 3
