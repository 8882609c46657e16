"""Set aside: no strategy picks it, and it is labelled as chance has it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.select import aside as aside_of
from tasks.labels.group import drawn, place_of
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.settings import SplitSettings
from tasks.select.pool import Pool
from tasks.select.set_aside import REASON, SetAside, set_apart
from tasks.select.tagged import Tags
from tasks.store import choices
from tasks.store.root import Root
from tests.learn.snapshots.scene import with_samples
from tests.pipeline import curate, opened, rows, select, settings_for
from tests.select.test_pick import picked

NONE = np.zeros((30, 0), np.float32)


@pytest.fixture
def pool(maker: Any, tmp_path: Any) -> Any:
    """Settings of a root with a pool of 24 samples, of which about half are set aside."""
    maker.photographs(24)
    how = {"select__budget": 10, "learn__test_share": 0.5}
    return lambda **other: settings_for(maker.folder, tmp_path / "root", **how | other)


def test_select__sets_aside_what_is_drawn_and_labels_a_part_of_it(pool: Any) -> None:
    settings = pool(learn__test_budget_share=0.2)
    curate(settings)
    select(settings)
    found = rows(settings, "SELECT sample_id, rank, gain, reason FROM selections ORDER BY rank")
    names = [row["sample_id"] for row in rows(settings, "SELECT sample_id FROM kept")]
    out = sorted((name for name in names if drawn(name, 0.5, "test")), key=lambda name: place_of(name, "test"))
    assert [(row["sample_id"], row["gain"], row["reason"]) for row in found[:2]] == [(n, 0, REASON) for n in out[:2]]
    assert [row["rank"] for row in found] == list(range(1, 11))
    assert not {row["sample_id"] for row in found[2:]} & set(out)
    assert choices.recall(opened(settings), "learn.test_share") == 0.5


def test_select__the_first_share_stays_and_a_named_test_folder_is_in_its_place(pool: Any) -> None:
    curate(pool())
    select(pool())
    other = pool(learn__test_share=0.1, learn__test_budget_share=0.0)
    select(other, "none")
    assert not any(drawn(name, 0.5, "test") for name in picked(other, "none"))
    named = pool(learn__split={"test_where": "width > 100000"})
    select(named, "all")
    assert any(drawn(name, 0.5, "test") for name in picked(named, "all"))


def test_select__of_a_recording_one_frame_after_the_other_groups(root: Root) -> None:
    ids = [f"{number:02d}" for number in range(30)]
    with_samples(root, [{"sample_id": one, "sequence_id": "tape" if one < "20" else None} for one in ids])
    pool = Pool(pa.table({"sample_id": ids, "tags": [["bad"] if one == "25" else None for one in ids]}), NONE, NONE)
    found = set_apart(root, pool, SetAside(1.0, 0.5), 22, [Tags(none=["bad"])])
    assert len(found.pool) == 0
    assert len(found.ids) == 11
    assert len([one for one in found.ids if one < "20"]) == 2
    assert "25" not in found.ids


NAMED = LearnSettings(test_budget_share=0.5, split=SplitSettings(test_where="source_uri LIKE '%/test/%'"))


@pytest.mark.parametrize("aside", [SetAside(0.5, 0.5), aside_of(NAMED)])
def test_select__what_is_set_aside_and_labelled_tells_strategies_nothing(root: Root, aside: SetAside) -> None:
    ids = [f"{number:02d}" for number in range(30)]
    rows = [{"sample_id": one, "sequence_id": f"tape {one[1]}"} for one in ids]
    with_samples(root, [{**row, "source_uri": f"/{'test' if row['sample_id'] > '15' else ''}/"} for row in rows])
    is_test = {one: one > "15" if aside.test_where else drawn(f"tape {one[1]}", 0.5, "test") for one in ids}
    table = pa.table({"sample_id": ids, "tags": [[]] * 30})
    unit = np.eye(20, dtype=np.float32)
    pools = [Pool(table[20:], unit[:10], unit, table[:20]), Pool(table[:10], unit[:10], unit, table[10:])]
    for pool in pools:
        found = set_apart(root, pool, aside, 6, [])
        assert found.pool.ids == [one for one in pool.ids if not is_test[one]]
        assert len(found.ids) == min(3, len(pool) - len(found.pool))
        assert not {*found.ids} & {*found.pool.ids}
        before = pool.before["sample_id"].to_pylist()
        left = found.pool.before["sample_id"].to_pylist()
        assert left == [one for one in before if not is_test[one]]
        assert found.pool.before["group"].to_pylist() == [f"tape {one[1]}" for one in left]
        assert 0 < len(left) < 20
        assert (found.pool.chosen == pool.chosen[[not is_test[one] for one in before]]).all()


def test_select__of_small_budgets_a_share_over_all_rounds_is_set_aside(pool: Any) -> None:
    settings = pool(select__budget=3, learn__test_budget_share=0.2)
    curate(settings)
    firsts = []
    for number in range(5):
        select(settings, f"round-{number}")
        found = rows(settings, f"SELECT reason FROM selections WHERE selection = 'round-{number}'")
        firsts.append(sum(row["reason"] == REASON for row in found))
    assert firsts == [1, 1, 0, 1, 0]
