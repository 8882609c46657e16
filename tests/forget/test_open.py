"""Forgetting while batches are held: what is staged of it goes, and the batches go on without it."""

import shutil
from pathlib import Path

import pytest

from flows.forget import forget
from flows.settings import Settings
from tasks.forget.concern import Wish
from tasks.gate.settle import release
from tasks.ingest.retry import rejects
from tasks.store.log import read_log
from tasks.store.storage import to_path
from tests.forget.test_forget import NOTE, places_of, told_apart
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, rows, select, settings_for


def held(settings: Settings) -> list[str]:
    return [batch.batch_id for batch in read_log(opened(settings)).open_batches if batch.held]


def test_forget__a_copy_in_a_held_batch_is_turned_away_when_that_is_released(
    settings: Settings, tmp_path: Path
) -> None:
    (sample, *_) = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY ALL")]
    told = told_apart(settings, (sample,))
    (uri,) = [
        row["source_uri"] for row in rows(settings, f"SELECT source_uri FROM samples WHERE sample_id = '{sample}'")
    ]
    more = Maker(tmp_path / "more")
    more.photographs(3, first=50)
    shutil.copy(to_path(uri), more.folder / "renamed.jpg")
    careful = settings_for(more.folder, to_path(settings.root_uri), gates__ingested__mode="approve")
    curate(careful)
    (batch,) = held(careful)
    forget(careful, Wish(samples=(sample,)), NOTE)
    assert places_of(to_path(settings.root_uri), told) == {}
    release(opened(careful), batch, "fine")
    curate(careful)
    found = rows(
        careful,
        f"SELECT outcome, reason, count(*) AS n FROM objects WHERE batch_id = '{batch}' GROUP BY ALL ORDER BY n",
    )
    assert found == [
        {"outcome": "reject", "reason": "forgotten", "n": 1},
        {"outcome": "sample", "reason": None, "n": 3},
    ]
    assert held(careful) == []
    assert len(rejects(opened(careful), None, None)) == 0


@pytest.mark.parametrize("gate", ["deduplicated", "embedded", "compared"])
def test_forget__a_batch_that_is_held_later_goes_on_without_it(tmp_path: Path, gate: str) -> None:
    maker = Maker(tmp_path / "source")
    maker.photographs(5)
    maker.write("near.jpg", jpeg(photograph(1), 60))
    settings = settings_for(maker.folder, tmp_path / "root", **{f"gates__{gate}__mode": "approve"})
    curate(settings)
    (batch,) = held(settings)
    known = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY source_uri")]
    forget(settings, Wish(samples=(known[0],)), NOTE)
    assert places_of(tmp_path / "root", {"name of it": b"00000.jpg"}) == {}
    release(opened(settings), batch, "fine")
    curate(settings)
    assert held(settings) == []
    left = rows(settings, "SELECT sample_id FROM kept ORDER BY ALL")
    assert rows(settings, "SELECT sample_id FROM embeddings ORDER BY ALL") == left
    assert known[0] not in [row["sample_id"] for row in left]
    assert len(left) == 4


def test_forget__a_held_selection_loses_its_pick(settings: Settings) -> None:
    careful = settings_for(to_path(settings.source_uri), to_path(settings.root_uri), gates__selected__mode="approve")
    select(careful)
    (name,) = held(careful)
    (sample, *_) = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM samples ORDER BY ALL")]
    forget(careful, Wish(samples=(sample,)), NOTE)
    assert places_of(to_path(settings.root_uri) / "staging", {"id": sample.encode()}) == {}
    release(opened(careful), name, "fine")
    select(careful)
    picked = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM selections")]
    assert len(picked) == 2
    assert sample not in picked
