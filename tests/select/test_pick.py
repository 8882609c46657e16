"""Selections: made when something changed, never twice, within budget and queue, better than chance."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.select.pick import wanted_selection
from tasks.select.tag import matching_samples, put_tag
from tasks.store import tables
from tasks.store.commit import write
from tasks.store.errors import UsageError
from tasks.store.schema import ANNOTATIONS
from tests.made import Maker
from tests.pipeline import curate, opened, rows, select, settings_for, versions


@pytest.fixture
def pool(maker: Maker, tmp_path: Path) -> Any:
    """Settings of a root with a pool of 24 samples."""
    maker.photographs(24)

    def make(**overrides: Any) -> Any:
        settings = settings_for(maker.folder, tmp_path / "root", **overrides)
        curate(settings)
        return settings

    return make


def picked(settings: Any, selection: str = "selection-1") -> list[str]:
    found = rows(settings, f"SELECT sample_id FROM selections WHERE selection = '{selection}' ORDER BY rank")
    return [row["sample_id"] for row in found]


def test_select__keeps_the_budget_and_gives_ranks_gains_and_reasons(pool: Any) -> None:
    settings = pool(select__budget=7)
    assert select(settings).counts["selected"] == 7
    found = rows(settings, "SELECT rank, gain, reason FROM selections ORDER BY rank")
    assert [row["rank"] for row in found] == list(range(1, 8))
    assert all(row["gain"] > 0 and row["reason"] for row in found)


def test_select__twice_changes_nothing(pool: Any) -> None:
    settings = pool(select__budget=7)
    select(settings)
    before = versions(settings)
    assert "has not changed" in select(settings).hints[0]
    assert versions(settings) == before


def test_select__new_samples_or_other_settings_make_another(pool: Any, maker: Maker, tmp_path: Path) -> None:
    settings = pool(select__budget=5)
    select(settings)
    maker.photographs(3, first=200)
    curate(settings)
    select(settings)
    assert len(picked(settings, "selection-2")) == 5
    assert not set(picked(settings)) & set(picked(settings, "selection-2"))
    larger = settings_for(maker.folder, tmp_path / "root", select__budget=6)
    select(larger)
    assert len(picked(larger, "selection-3")) == 6


def test_select__a_name_makes_one_in_any_case_and_once(pool: Any) -> None:
    settings = pool(select__budget=5)
    select(settings)
    select(settings, "night")
    assert len(picked(settings, "night")) == 5
    assert "made already" in select(settings, "night").hints[0]
    with pytest.raises(UsageError, match="no name"):
        select(settings, "../escape")


def test_select__the_queue_is_only_topped_up(pool: Any) -> None:
    settings = pool(select__budget=10, select__open_tasks_max=12)
    select(settings)
    select(settings, "second")
    assert len(picked(settings, "second")) == 2
    assert "queue is full" in wanted_selection(opened(settings), settings.select, "third").why
    labelled = picked(settings)[:4]
    made = [{"annotation_id": name, "sample_id": name, "origin": "human", "status": "submitted"} for name in labelled]
    write(opened(settings), "annotations", pa.Table.from_pylist(made, schema=ANNOTATIONS.schema))
    select(settings)
    assert len(picked(settings, "selection-2")) == 4


def test_select__a_share_of_the_pool(pool: Any) -> None:
    settings = pool(select__budget="25%")
    select(settings)
    assert len(picked(settings)) == 6


def test_select__labelled_samples_are_never_picked_and_count_as_chosen(pool: Any) -> None:
    settings = pool(select__budget=24)
    first = rows(settings, "SELECT sample_id FROM kept ORDER BY sample_id LIMIT 5")
    made = [{"annotation_id": row["sample_id"], "sample_id": row["sample_id"], "origin": "import"} for row in first]
    write(opened(settings), "annotations", pa.Table.from_pylist(made, schema=ANNOTATIONS.schema))
    select(settings)
    assert len(picked(settings)) == 19
    assert not {row["sample_id"] for row in first} & set(picked(settings))


@pytest.mark.parametrize("strategy", ["coverage", "diversity", "random"])
def test_select__every_strategy_picks_without_repeats(pool: Any, strategy: str) -> None:
    settings = pool(select__budget=9, select__strategies=[strategy])
    select(settings)
    assert len(set(picked(settings))) == 9


def test_select__filters_come_first(pool: Any) -> None:
    settings = pool(
        select__budget=24,
        select__strategies=[
            {"threshold": {"column": "brightness", "at_least": 0.5}},
            {"tags": {"none": ["bad"]}},
            "random",
        ],
    )
    root = opened(settings)
    bad = matching_samples(root, "brightness > 0.55")
    assert put_tag(root, "bad", bad) == len(bad) > 0
    assert put_tag(root, "bad", bad) == 0
    select(settings)
    expected = rows(settings, "SELECT sample_id FROM kept WHERE brightness BETWEEN 0.5 AND 0.55")
    assert set(picked(settings)) == {row["sample_id"] for row in expected}


def test_tag__a_wrong_condition_is_told(pool: Any) -> None:
    root = opened(pool())
    for where in ("nonsense >", "1 = 1; DROP TABLE samples", "sample_id IN (FROM read_text('/etc/passwd'))"):
        with pytest.raises(UsageError):
            matching_samples(root, where)
    with pytest.raises(UsageError, match="needs a name"):
        put_tag(root, " ", ["x"])


@pytest.mark.slow
def test_select__coverage_beats_random_by_a_tenth(data: Path, tmp_path: Path) -> None:
    settings = settings_for(
        data / "photos" / "clothing", tmp_path / "root", embed__model="auto", select__budget=150,
        embed__checkpoint=str(data / "weights" / "mobilenetv2_100_in1k_tv.safetensors"),
    )  # fmt: skip
    summary = curate(settings)
    assert (summary.counts["sample"], summary.counts["reject"], summary.counts["copy"]) == (1537, 0, 0)
    select(settings)
    root = opened(settings)
    table = next(name for name in root.table_names() if name.startswith("embeddings_"))
    dataset = tables.open_table(root, table)
    assert dataset is not None
    found = dataset.to_table()
    vectors = tables.matrix(found["vector"])
    place = {sample: row for row, sample in enumerate(found["sample_id"].to_pylist())}

    def distance(chosen: Any) -> float:
        return float(1 - (vectors @ vectors[chosen].T).max(axis=1).mean())

    chance = np.random.default_rng(0)
    drawn = np.mean([distance(chance.choice(len(vectors), 150, replace=False)) for _ in range(10)])
    assert distance([place[sample] for sample in picked(settings)]) <= 0.9 * drawn
