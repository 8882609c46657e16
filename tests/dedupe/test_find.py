"""Duplicates of a batch: real edits, the order of preference, and batches that know each other."""

import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tasks.dedupe.find import CHOICE
from tasks.dedupe.kept import kept_samples, unpacked
from tasks.store import choices
from tasks.store.log import read_log
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, curate, opened, rows, settings_for


def stars(settings: object) -> dict[str, str]:
    """Kept file by duplicate file."""
    found = rows(
        settings,  # type: ignore[arg-type]
        """SELECT split_part(s.source_uri, '/', -1) AS repeat, split_part(k.source_uri, '/', -1) AS kept
        FROM duplicates d JOIN samples s ON s.sample_id = d.sample_id JOIN samples k ON k.sample_id = d.kept_id""",
    )
    return {row["repeat"]: row["kept"] for row in found}


def test_find__edits_are_duplicates_and_scenes_are_not(maker: Maker, tmp_path: Path) -> None:
    scene = photograph(1, 320, 240)
    maker.photographs(5, first=100)
    maker.write("original.jpg", jpeg(scene))
    maker.write("resized.jpg", jpeg(cv2.resize(scene, (160, 120), interpolation=cv2.INTER_AREA)))
    maker.write("mirrored.jpg", jpeg(np.ascontiguousarray(scene[:, ::-1])))
    maker.write("turned.jpg", jpeg(np.ascontiguousarray(np.rot90(scene))))
    maker.write("grey.jpg", jpeg(np.repeat(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)))
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    found = stars(settings)
    kept = set(found.values())
    assert len(kept) == 1
    assert {*found, *kept} == {"original.jpg", "resized.jpg", "mirrored.jpg", "turned.jpg", "grey.jpg"}
    assert kept <= {"original.jpg", "mirrored.jpg", "turned.jpg"}


def test_find__the_larger_and_coloured_one_is_kept(maker: Maker, tmp_path: Path) -> None:
    scene = photograph(2, 320, 240)
    maker.write("a-small.jpg", jpeg(cv2.resize(scene, (200, 150), interpolation=cv2.INTER_AREA)))
    maker.write("b-grey.jpg", jpeg(np.repeat(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)))
    maker.write("c-poor.jpg", jpeg(scene, 40))
    maker.write("d-good.jpg", jpeg(scene, 95))
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    assert set(stars(settings).values()) == {"d-good.jpg"}


def test_find__a_kept_sample_is_never_dethroned(maker: Maker, tmp_path: Path) -> None:
    scene = photograph(3, 400, 300)
    maker.write("small.jpg", jpeg(cv2.resize(scene, (120, 90), interpolation=cv2.INTER_AREA)))
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    maker.write("large.jpg", jpeg(scene))
    curate(settings)
    assert stars(settings) == {"large.jpg": "small.jpg"}


def test_find__a_radius_of_minus_one_finds_none(maker: Maker, tmp_path: Path) -> None:
    maker.write("a.jpg", jpeg(photograph(4), 90))
    maker.write("b.jpg", jpeg(photograph(4), 80))
    off = {"dedupe__perceptual__max_distance": -1, "dedupe__perceptual__max_turned_distance": -1}
    settings = settings_for(maker.folder, tmp_path / "root", **off)
    assert curate(settings).counts["kept"] == 2


def test_kept_samples__the_file_and_the_tables_agree(maker: Maker, tmp_path: Path) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    for start in (0, 20, 25):
        maker.photographs(5, first=start)
        curate(settings)
        root = opened(settings)
        kept = kept_samples(root, read_log(root))
        table = rows(settings, "SELECT sample_id, phash, ringhash FROM kept")
        expected = {row["sample_id"]: (row["phash"], row["ringhash"]) for row in table}
        pairs = zip(kept.phashes, kept.ringhashes, strict=True)
        assert dict(zip(kept.ids, [(one.tobytes(), two.tobytes()) for one, two in pairs], strict=True)) == expected


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_unpacked__makes_no_object_of_a_hash(count: int) -> None:
    hashes = [os.urandom(32) for _ in range(count)]
    loose, fixed = (
        pa.chunked_array([pa.array(hashes, pa.binary())]),
        pa.chunked_array([pa.array(hashes, pa.binary(32))]),
    )
    assert unpacked(loose).tobytes() == unpacked(fixed).tobytes() == b"".join(hashes)
    assert unpacked(fixed.slice(count // 2)).tobytes() == b"".join(hashes[count // 2 :])
    tracemalloc.start()
    assert unpacked(fixed).shape == (count, 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 1024


def test_kept_samples__the_file_is_made_again_when_it_is_lost(maker: Maker, tmp_path: Path) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    for first in (0, 3):
        maker.photographs(3, first=first)
        curate(settings)
    before = content(settings)
    (tmp_path / "root" / "indexes" / "perceptual.parquet").write_bytes(b"junk")
    for place in maker.photographs(6):  # the same pictures with one byte more: no exact copies
        maker.write(f"again-{place.name}", place.read_bytes() + bytes(1))
    curate(settings)
    assert len(stars(settings)) == 6
    assert [row for row in content(settings)["samples"] if row in before["samples"]] == before["samples"]


@pytest.mark.slow
def test_radius__is_settled_by_the_first_large_batch(data: Path, tmp_path: Path) -> None:
    settings = settings_for(data / "photos" / "clothing" / "train", tmp_path / "root")
    summary = curate(settings)
    assert choices.recall(opened(settings), CHOICE) == {"max_distance": 51, "max_turned_distance": 40}
    assert summary.counts["perceptual"] == 2


def test_find__real_variants_and_no_two_scenes(data: Path, tmp_path: Path) -> None:
    settings = settings_for(data / "neardup" / "imagededup", tmp_path / "root")
    curate(settings)
    found = stars(settings)
    names = {*found, *found.values()}
    variants = {
        "ukbench00120_resize.jpg",
        "ukbench00120_hflip.jpg",
        "ukbench00120_rotation.jpg",
        "ukbench00120_gray.jpg",
    }
    assert variants <= names
    assert all(name.startswith("ukbench00120") for name in names)
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_find__near_copies_across_batches_are_found(maker: Maker, tmp_path: Path, order: tuple[int, int]) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    for number in order:
        maker.write(f"{number}.jpg", jpeg(photograph(9), 90 - number))
        curate(settings)
    assert stars(settings) == {f"{order[1]}.jpg": f"{order[0]}.jpg"}
