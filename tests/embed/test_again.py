"""Embedding again: what lacks a vector is found, and nobody looks twice for the same reason."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from tasks.embed import again
from tasks.embed.again import plan_again
from tasks.gate.settle import discard, release
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, select, settings_for


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every look at all kept samples."""
    seen: list[Any] = []
    real = again.views.connect
    monkeypatch.setattr(again.views, "connect", lambda *told, **more: seen.append(told) or real(*told, **more))
    return seen


def looked(looks: list[Any], settings: Any) -> int:
    """How many looks it takes to know that there is nothing to embed again."""
    looks.clear()
    assert plan_again.fn(settings.root_uri, settings.embed) == ()
    return len(looks)


def test_plan_again__looks_once_after_a_change_of_model(
    maker: Maker, tmp_path: Path, checkpoint: Path, looks: list[Any]
) -> None:
    maker.photographs(4)
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    assert looked(looks, settings) == 0
    other = settings_for(maker.folder, tmp_path / "root", embed__model="auto", embed__checkpoint=str(checkpoint))
    maker.photographs(2, first=50)
    curate(other)
    assert looked(looks, other) == 0
    maker.photographs(1, first=60)
    curate(other)
    assert looked(looks, other) == 0
    model = rows(other, "SELECT model, count(*) AS n FROM embeddings GROUP BY model ORDER BY n")[-1]
    assert model["n"] == 7
    (tmp_path / "root" / "indexes" / "embedded.json").write_bytes(b"junk")
    assert looked(looks, other) == 1
    assert looked(looks, other) == 0


def test_plan_again__finds_what_is_kept_again_after_a_discard(maker: Maker, tmp_path: Path, looks: list[Any]) -> None:
    """The kept sample is given up before its vector is committed: what repeated it in a later batch gets one."""
    settings = settings_for(maker.folder, tmp_path / "root", gates__embedded__mode="approve")

    def let_through() -> None:
        release(opened(settings), next(batch for batch in curate(settings).held if batch != first), "fine")
        curate(settings)

    maker.write("first.jpg", jpeg(photograph(1)))
    first = curate(settings).held[0]
    maker.write("again.jpg", jpeg(cv2.resize(photograph(1), (90, 60), interpolation=cv2.INTER_AREA)))
    maker.photographs(1, first=70)
    let_through()
    embedded = "SELECT count(*) AS n FROM embeddings"
    assert rows(settings, embedded) == [{"n": 1}]
    discard(opened(settings), first, "no")
    let_through()
    assert rows(settings, embedded) == rows(settings, "SELECT count(*) AS n FROM kept") == [{"n": 2}]
    assert looked(looks, settings) == 0


def test_plan_again__a_discarded_selection_is_no_reason_to_look(maker: Maker, tmp_path: Path, looks: list[Any]) -> None:
    maker.photographs(3)
    settings = settings_for(maker.folder, tmp_path / "root", gates__selected__mode="approve")
    curate(settings)
    discard(opened(settings), select(settings).held[0], "no")
    assert looked(looks, settings) == 0
