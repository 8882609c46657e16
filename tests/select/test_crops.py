"""Crops in a root: cut out, embedded once, picked by, held by their gate, and forgotten with their sample."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from flows.forget import forget
from tasks.dedupe import vectors as dedupe_vectors
from tasks.embed import pictures
from tasks.forget.concern import Wish
from tasks.gate.settle import discard, release
from tasks.labels.values import Value, as_text
from tasks.store import tables
from tasks.store.commit import write
from tasks.store.ids import make_id
from tasks.store.schema import ANNOTATIONS, PREDICTIONS
from tests.forget.test_forget import places_of
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, doubled_keys, opened, rows, select, settings_for, versions

WIDTH, HEIGHT, SIDE = 640, 512, 128
CORNERS = [(40, 40), (300, 300)]
SHOWN = [(0, 0), (0, 1), (1, 0), (2, 3), (1, 1), (0, 1)]
"""Which two things each of the pictures shows, by their number."""

DIVERSE = [{"diversity": {"of": "crops"}}]


def thing(number: int) -> np.ndarray:
    """Something that no photograph looks like: stripes, turned by its number."""
    across = np.linspace(-1, 1, SIDE)
    turned = np.radians(45 * number)
    wave = np.sin(12 * (np.cos(turned) * across[None, :] + np.sin(turned) * across[:, None]))
    colour = np.eye(3)[number % 3]
    return (255 * ((wave[..., None] > 0) * colour)).astype(np.uint8)


def write_pictures(maker: Maker, first: int = 0) -> None:
    for seed, things in enumerate(SHOWN, first):
        scene = photograph(seed, WIDTH, HEIGHT)
        for (x, y), number in zip(CORNERS, things, strict=True):
            scene[y : y + SIDE, x : x + SIDE] = thing(number)
        maker.write(f"{seed:02d}.jpg", jpeg(scene, 95))


def boxes(count: int = 2) -> Value:
    shapes = [{"x": x, "y": y, "width": SIDE, "height": SIDE} for x, y in CORNERS[:count]]
    return {"boxes": [{"class": "thing", "score": 0.9, **shape} for shape in shapes]}


def predict(settings: Any, model: str = "found-1", count: int = 2) -> None:
    made = [
        {
            "prediction_id": make_id(row["sample_id"], model),
            "sample_id": row["sample_id"],
            "model_version": model,
            "value": as_text(boxes(count)),
        }
        for row in rows(settings, "SELECT sample_id FROM samples")
    ]
    write(opened(settings), PREDICTIONS.name, pa.Table.from_pylist(made, schema=PREDICTIONS.schema))


def crops(settings: Any) -> list[dict[str, Any]]:
    dataset = tables.open_table(opened(settings), "crops_descriptor_1")
    return [] if dataset is None else dataset.to_table().sort_by("crop_id").to_pylist()


def picked(settings: Any, selection: str) -> list[str]:
    found = rows(
        settings,
        "SELECT source_uri FROM selections JOIN samples USING (sample_id) "
        f"WHERE selection = '{selection}' ORDER BY rank",
    )
    return [row["source_uri"].rsplit("/", 1)[1] for row in found]


@pytest.fixture
def streets(maker: Maker, tmp_path: Path) -> Any:
    """Makes settings of a curated root whose pictures show two things each, as a model says."""
    write_pictures(maker)

    def make(**overrides: Any) -> Any:
        plain = {"select__strategies": DIVERSE, "learn__test_share": 0, "dedupe__semantic__min_similarity": 2}
        settings = settings_for(maker.folder, tmp_path / "root", **{**plain, **overrides})
        curate(settings)
        predict(settings)
        return settings

    return make


def test_select__of_crops_shows_every_thing_with_the_fewest_pictures(streets: Any) -> None:
    settings = streets(select__budget=3)
    told = select(settings)
    assert told.counts["crops"] == 12
    shown = {number for name in picked(settings, "selection-1") for number in SHOWN[int(name[:2])]}
    assert shown == {0, 1, 2, 3}
    assert len(crops(settings)) == 12
    assert max(abs(float(np.linalg.norm(np.array(row["vector"], np.float32))) - 1) for row in crops(settings)) < 2e-3


def test_select__crops_are_embedded_once(streets: Any, maker: Maker) -> None:
    settings = streets(select__budget=2)
    select(settings)
    before = crops(settings)
    assert "has not changed" in select(settings).hints[0]
    select(settings, "more")
    assert crops(settings) == before
    write_pictures(maker, first=len(SHOWN))
    curate(settings)
    predict(settings)
    assert select(settings, "again").counts["crops"] == 12
    assert len(crops(settings)) == 24
    assert doubled_keys(settings) == {}


def test_select__what_the_model_sees_is_cut_out(streets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    real = pictures.Pictures.of
    monkeypatch.setattr(pictures.Pictures, "of", lambda self, part: seen.append(found := real(self, part)) or found)
    select(streets(select__budget=2))
    (_, squares) = seen
    assert len(squares) == 12
    for square in squares:
        nearest, second, *_ = sorted(float(np.abs(_fitted(square) - thing(one)).mean()) for one in range(4))
        assert nearest < second / 2


def _fitted(square: np.ndarray) -> np.ndarray:
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(float)


def test_select__people_say_where_crops_are_before_models_do(streets: Any) -> None:
    settings = streets(select__budget=2)
    labelled = rows(settings, "SELECT sample_id FROM samples WHERE source_uri LIKE '%03.jpg'")[0]["sample_id"]
    label = {"annotation_id": "a", "sample_id": labelled, "label_type": "boxes", "value": as_text({"answer": "empty"})}
    label |= {"origin": "human", "ontology": "things", "status": "submitted"}
    write(opened(settings), ANNOTATIONS.name, pa.Table.from_pylist([label], schema=ANNOTATIONS.schema))
    assert select(settings).counts["crops"] == 10
    assert labelled not in {row["sample_id"] for row in crops(settings)}


def test_select__crops_stand_before_a_gate(streets: Any, maker: Maker, tmp_path: Path) -> None:
    settings = streets(select__budget=2)
    asked = {"select__strategies": DIVERSE, "select__budget": 2, "gates__embedded__mode": "approve"}
    approving = settings_for(maker.folder, tmp_path / "root", **asked)
    (held,) = select(approving).held
    assert select(approving).held == [held]
    assert (crops(settings), rows(settings, "SELECT * FROM selections")) == ([], [])
    release(opened(settings), held, "fine")
    assert select(approving).counts["selected"] == 2
    assert len(crops(settings)) == 12


def test_forget__what_a_sample_showed_goes_with_it(streets: Any, tmp_path: Path) -> None:
    settings = streets(select__budget=2)
    select(settings)
    sample = crops(settings)[0]["sample_id"]
    gone = [row for row in crops(settings) if row["sample_id"] == sample]
    told = {f"{number}": np.array(row["vector"], np.float16).tobytes()[64:160] for number, row in enumerate(gone)}
    told |= {row["crop_id"]: row["crop_id"].encode() for row in gone}
    assert set(places_of(tmp_path / "root" / "tables", told)) == set(told)
    left = [row for row in crops(settings) if row["sample_id"] != sample]
    forget(settings, Wish(samples=(sample,)), "they asked for it")
    assert crops(settings) == left
    assert places_of(tmp_path / "root", told) == {}


def test_forget__crops_that_are_held_go_on_without_it(streets: Any, maker: Maker, tmp_path: Path) -> None:
    settings = streets(select__budget=2)
    asked = {"select__strategies": DIVERSE, "select__budget": 2, "gates__embedded__mode": "approve"}
    approving = settings_for(maker.folder, tmp_path / "root", **asked)
    (held,) = select(approving).held
    sample = rows(settings, "SELECT sample_id FROM samples ORDER BY ALL")[0]["sample_id"]
    forget(settings, Wish(samples=(sample,)), "they asked for it")
    release(opened(settings), held, "fine")
    assert select(approving).counts["crops"] == 10
    assert sample not in {row["sample_id"] for row in crops(settings)}


def test_select__crops_that_were_given_up_come_with_no_other_batch(streets: Any, maker: Maker, tmp_path: Path) -> None:
    settings = streets(select__budget=2)
    approving = settings_for(
        maker.folder, tmp_path / "root", select__strategies=DIVERSE, gates__embedded__mode="approve",
        learn__test_share=0,
    )  # fmt: skip
    (first,) = select(approving).held
    write_pictures(maker, first=len(SHOWN))
    curate(settings)
    predict(settings)
    (_, second) = select(approving).held
    discard(opened(settings), first, "no")
    release(opened(settings), second, "fine")
    assert select(approving).counts["crops"] == 12
    assert len(crops(settings)) == 12
    shown = {row["sample_id"] for row in crops(settings)}
    picks = rows(settings, "SELECT sample_id, reason FROM selections ORDER BY rank")
    assert {row["sample_id"] for row in picks[:6]} == shown
    assert all("shows nothing" in row["reason"] for row in picks[6:])


def test_select__before_anything_is_predicted_picks_nothing_and_stops_nobody(streets: Any, maker: Maker) -> None:
    settings = streets(select__budget=20)
    select(settings)
    assert len(picked(settings, "selection-1")) == 6
    write_pictures(maker, first=len(SHOWN))
    curate(settings)
    assert select(settings).counts["selected"] == 0
    assert "has not changed" in select(settings).hints[0]
    predict(settings)
    assert select(settings).counts["selected"] == 6


def test_select__what_was_released_is_committed_whatever_the_crops_are(
    streets: Any, maker: Maker, tmp_path: Path
) -> None:
    settings = streets(select__budget=2)
    asked = {"select__strategies": DIVERSE, "select__budget": 2, "learn__test_share": 0}
    approving = settings_for(maker.folder, tmp_path / "root", **asked, gates__selected__mode="approve")
    (held,) = select(approving).held
    predict(settings, "another")
    release(opened(settings), held, "fine")
    assert select(approving).counts["selected"] == 2


def test_compare__does_not_take_crops_for_samples_that_were_embedded_again(
    streets: Any, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = streets(select__budget=2, dedupe__semantic__min_similarity="auto")
    maker.photographs(2, first=50)
    curate(settings)
    made: list[Any] = []
    real = dedupe_vectors._made
    monkeypatch.setattr(dedupe_vectors, "_made", lambda *told: made.append(told) or real(*told))
    assert select(settings).counts["crops"] == 12
    maker.photographs(2, first=60)
    curate(settings)
    assert made == []


def test_select__a_batch_of_crops_that_was_begun_is_finished(streets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = streets(select__budget=2)
    with monkeypatch.context() as patched:
        patched.setattr("flows.select.embed_with", lambda *_told: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            select(settings)
    assert crops(settings) == []
    assert select(settings).counts["crops"] == 12
    before = versions(settings)
    curate(settings)
    assert versions(settings) == before
