"""Semantic duplicates of a batch: real crops, who is kept, what is protected, and batches that know each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import curate as flow
from tasks.dedupe import vectors
from tasks.dedupe.compare import CHOICE, CLOSER_DESCRIBED, measure_of
from tasks.dedupe.cosines import CosineLook, centred
from tasks.dedupe.recalibrate import recalibrate
from tasks.dedupe.vectors import kept_vectors
from tasks.ingest.example import PHOTOGRAPHS, _photograph
from tasks.store import choices, tables
from tasks.store.log import read_log
from tests.dedupe.test_find import stars
from tests.made import Maker, jpeg
from tests.pipeline import content, curate, opened, rows, select, settings_for

SCENE = np.ascontiguousarray(_photograph("coffee")[:400, :600])
OFF = {"dedupe__perceptual__max_distance": -1, "dedupe__perceptual__max_turned_distance": -1}


def cut(share: float) -> np.ndarray:
    """The middle of the scene."""
    height, width = (int(length * share**0.5) for length in SCENE.shape[:2])
    top, left = (SCENE.shape[0] - height) // 2, (SCENE.shape[1] - width) // 2
    return np.ascontiguousarray(SCENE[top : top + height, left : left + width])


def others(maker: Maker) -> None:
    """Real photographs of other things."""
    for name in sorted(set(PHOTOGRAPHS) - {"coffee"}):
        maker.write(f"other-{name}.jpg", jpeg(_photograph(name)))


def test_compare__parts_are_duplicates_and_other_photographs_are_not(maker: Maker, tmp_path: Path) -> None:
    others(maker)
    maker.write("whole.jpg", jpeg(SCENE))
    maker.write("most.jpg", jpeg(cut(0.75)))
    settings = settings_for(maker.folder, tmp_path / "root")
    summary = curate(settings)
    assert summary.counts["semantic"] == 1
    assert [verdict.transition for verdict in summary.verdicts][-1] == "compared"
    maker.write("part.jpg", jpeg(np.ascontiguousarray(SCENE[60:, 60:])))
    assert curate(settings).counts["semantic"] == 1
    assert stars(settings) == {"most.jpg": "whole.jpg", "part.jpg": "whole.jpg"}
    kinds = rows(settings, "SELECT kind, distance FROM duplicates")
    assert all(row["kind"] == "semantic" and 0 <= row["distance"] < 1 - CLOSER_DESCRIBED for row in kinds)
    assert select(settings).counts["selected"] == len(PHOTOGRAPHS)


def test_compare__what_repeated_a_semantic_duplicate_repeats_what_that_repeats(maker: Maker, tmp_path: Path) -> None:
    maker.write("whole.jpg", jpeg(SCENE))
    maker.write("most.jpg", jpeg(cut(0.75)))
    maker.write("most-again.jpg", jpeg(cut(0.75), 60))
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    assert stars(settings) == {"most.jpg": "whole.jpg", "most-again.jpg": "whole.jpg"}
    assert len(rows(settings, "SELECT DISTINCT group_id FROM duplicates")) == 1
    assert len(rows(settings, "SELECT * FROM kept")) == 1


@pytest.mark.parametrize(
    "overrides",
    [{"dedupe__semantic__min_similarity": 2}, {"dedupe__semantic__min_similarity": 0.9999}, {"dedupe__verify": False}],
)
def test_compare__settings_that_find_none(maker: Maker, tmp_path: Path, overrides: dict[str, Any]) -> None:
    maker.write("whole.jpg", jpeg(SCENE))
    maker.write("most.jpg", jpeg(cut(0.75)))
    settings = settings_for(maker.folder, tmp_path / "root", **overrides)
    assert curate(settings).counts["semantic"] == 0
    assert read_log(opened(settings)).open_batches == []


def test_compare__without_verifying_the_similarity_decides(maker: Maker, tmp_path: Path) -> None:
    maker.write("whole.jpg", jpeg(SCENE))
    maker.write("most.jpg", jpeg(cut(0.75)))
    settings = settings_for(maker.folder, tmp_path / "root", dedupe__verify=False, dedupe__semantic__min_similarity=0.8)
    assert curate(settings).counts["semantic"] == 1


def _as_before_there_was_a_compare(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Curate and select as a version did that had no such stage."""
    with monkeypatch.context() as patch:
        patch.setattr(flow, "compare", lambda _run, _batch: None)
        curate(settings)


def test_compare__an_older_root_catches_up(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    for name, share in (("whole.jpg", 1), ("most.jpg", 0.75)):
        maker.write(name, jpeg(cut(share)))
        _as_before_there_was_a_compare(monkeypatch, settings)
    root = opened(settings)
    assert select(settings).counts["selected"] == 0
    for batch in read_log(root).batches:
        root.storage.delete(root.at("staging", batch))
    summary = curate(settings)
    assert (len(summary.batches), summary.counts["semantic"], summary.counts["embedded"]) == (2, 1, 0)
    assert stars(settings) == {"most.jpg": "whole.jpg"}
    assert read_log(root).open_batches == []


def test_compare__what_is_selected_or_labelled_is_never_dethroned(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    for name, share in (("whole.jpg", 1), ("most.jpg", 0.75)):
        maker.write(name, jpeg(cut(share)))
    _as_before_there_was_a_compare(monkeypatch, settings)
    label = rows(settings, "SELECT sample_id FROM samples WHERE source_uri LIKE '%most.jpg'")[0]["sample_id"]
    _label(opened(settings), label)
    curate(settings)
    assert stars(settings) == {}


def _label(root: Any, sample: str) -> None:
    import pyarrow as pa

    from tasks.store.commit import write
    from tasks.store.schema import ANNOTATIONS

    row = {"annotation_id": "a", "sample_id": sample, "origin": "human", "ontology": "o", "status": "submitted"}
    write(root, "annotations", pa.Table.from_pylist([row], schema=ANNOTATIONS.schema))


def test_compare__a_held_batch_is_in_no_selection(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3)
    settings = settings_for(maker.folder, tmp_path / "root", gates__compared__mode="approve")
    summary = curate(settings)
    assert summary.held == summary.batches
    assert len(rows(settings, "SELECT * FROM kept")) == 3
    assert select(settings).counts["selected"] == 0


def _index(settings: Any, mean: float = 0.0) -> tuple[list[str], np.ndarray]:
    root = opened(settings)
    kept = kept_vectors(root, read_log(root), "embeddings_descriptor_1", np.full(336, mean, np.float32))
    stored = kept.index.reconstruct_n(0, kept.index.ntotal) if kept.index.ntotal else kept.since[:0]
    return list(kept.ids), np.concatenate([stored, kept.since])


def test_kept_vectors__the_file_and_the_tables_agree(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(maker.folder, tmp_path / "root", **OFF)
    for first in (0, 4, 6):
        monkeypatch.setattr(vectors, "_FEW_MORE", 3)
        maker.photographs(3, first=first)
        curate(settings)
        for mean in (0.0, 0.01):
            ids, found = _index(settings, mean)
            table = tables.open_table(opened(settings), "embeddings_descriptor_1")
            wanted = tables.lookup(table, "sample_id", ids, ["vector"])
            assert sorted(ids) == [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM kept ORDER BY 1")]
            expected = centred(tables.matrix(wanted["vector"]), np.full(336, mean, np.float32))
            np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(list((tmp_path / "root" / "indexes").glob("*.faiss"))) == 1


def test_kept_vectors__in_cells_finds_each_sample_itself(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells made for 50 samples, filled with more, left on disk; then what came since beside them."""
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 20)
    settings = settings_for(maker.folder, tmp_path / "root", **OFF)
    for first, count in ((0, 50), (100, 10), (200, 5)):
        monkeypatch.setattr(vectors, "_FEW_MORE", 8)
        maker.photographs(count, first=first)
        curate(settings)
    root = opened(settings)
    mean = np.zeros(336, np.float32)
    kept = kept_vectors(root, read_log(root), "embeddings_descriptor_1", mean)
    table = tables.open_table(root, "embeddings_descriptor_1")
    all_of_them = centred(tables.matrix(tables.lookup(table, "sample_id", list(kept.ids), ["vector"])["vector"]), mean)
    assert (kept.index.ntotal, len(kept.since)) == (60, 5)
    assert "IVF" in type(kept.index).__name__
    near = CosineLook(all_of_them, kept.index, kept.since, 0.999).near_kept(0, len(kept.ids))
    assert all(place in near[place] for place in range(len(kept.ids)))


@pytest.mark.parametrize("junk", [b"", b"junk"])
def test_kept_vectors__the_file_is_made_again_when_it_is_damaged(maker: Maker, tmp_path: Path, junk: bytes) -> None:
    settings = settings_for(maker.folder, tmp_path / "root")
    maker.photographs(3)
    maker.write("whole.jpg", jpeg(SCENE))
    curate(settings)
    before, ids = content(settings), _index(settings)[0]
    next((tmp_path / "root" / "indexes").glob("*.faiss")).write_bytes(junk)
    assert sorted(_index(settings)[0]) == sorted(ids)
    maker.write("most.jpg", jpeg(cut(0.75)))
    curate(settings)
    assert stars(settings) == {"most.jpg": "whole.jpg"}
    assert [row for row in content(settings)["samples"] if row in before["samples"]] == before["samples"]


def test_measure_of__unrelated_vectors_are_hardly_ever_as_near() -> None:
    import pyarrow as pa

    chance = np.random.default_rng(0)
    made = chance.standard_normal((1500, 64)).astype(np.float32) + 2
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    nowhere = pa.table({name: pa.nulls(1500) for name in ("sequence_id", "sensor_id", "captured_at")})
    measure = measure_of(made, nowhere, {"name": "m", "architecture": "a"})
    less = centred(made, np.array(measure["mean"], np.float32))
    cosines = (less @ less.T)[np.triu_indices(1500, 1)]
    assert abs((cosines >= measure["closer"]).mean() - 5e-2) < 2e-3
    assert (cosines >= measure["decided"]).mean() < 2e-5


def test_measure__is_settled_by_the_first_large_batch(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.dedupe.compare.ENOUGH_SAMPLES", 4)
    settings = settings_for(maker.folder, tmp_path / "root", **OFF)
    for first, count, settled in ((0, 3, False), (10, 5, True), (20, 6, True)):
        maker.photographs(count, first=first)
        curate(settings)
        choice = choices.recall(opened(settings), CHOICE)
        assert (choice is not None) == settled
        if first == 10:
            before = choice
    assert choice == before
    assert choice["model"] == "descriptor-1"


def test_recalibrate__sets_hashes_and_embeddings_anew(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.dedupe.recalibrate.ENOUGH_SAMPLES", 6)
    settings = settings_for(maker.folder, tmp_path / "root", **OFF)
    maker.photographs(6)
    curate(settings)
    before, after = recalibrate(opened(settings), "another camera")
    assert before == {"dedupe.perceptual": None, CHOICE: None}
    assert {key: type(value) for key, value in after[CHOICE].items()} == {
        "model": str,
        "closer": float,
        "decided": float,
    }
    assert len(choices.recall(opened(settings), CHOICE)["mean"]) == 336
    assert after["dedupe.perceptual"] == choices.recall(opened(settings), "dedupe.perceptual")
    maker.photographs(3, first=10)
    assert curate(settings).counts["sample"] == 3
