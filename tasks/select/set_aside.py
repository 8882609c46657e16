"""Set aside: a share of the groups is for testing, drawn before anybody looks at them, and no strategy picks it.

A part of each selection goes to it as chance has it, so that what measures models is a fair sample of what arrives.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.labels.group import drawn, groups_of, place_of
from tasks.labels.set_aside import settle_share
from tasks.select.pool import Pool
from tasks.select.tagged import Tags
from tasks.store.root import Root

REASON = "set aside for testing"


@dataclass(frozen=True)
class SetAside:
    """What is set aside.

    Attributes:
        test_share: of the groups, 0 to 1; 0 for none. The first one that a root is asked for is recorded and stays.
        budget_share: of a selection, 0 to 1, that may go to them.
        group_by: column or metadata key of which no value is on two sides (see tasks/labels/group.py).
    """

    test_share: float = 0.0
    budget_share: float = 0.0
    group_by: str | None = None


NOTHING = SetAside()


@dataclass(frozen=True)
class Apart:
    """What of a pool is set aside.

    Attributes:
        mask: (n,) of its samples.
        ids: those of them to be labelled now.
        before: (m,) of what was chosen before: nothing is trained on it, so it neither covers nor tells anything.
    """

    mask: NDArray[np.bool_]
    ids: list[str]
    before: NDArray[np.bool_]


def set_apart(root: Root, pool: Pool, aside: SetAside, budget: int, filters: Sequence[object]) -> Apart:
    """What of a pool is set aside, and which of it is to be labelled now.

    Groups take turns, in the order that chance gives them: a long recording is one among others. Of the filters only
    tags count, by which people leave samples out: those by scores would make the sample an unfair one.

    Args:
        root: where the dataset is.
        pool: n samples.
        aside: what is set aside.
        budget: of the whole selection.
        filters: of the selection.
    """
    if aside.test_share == 0 or not len(pool):
        return Apart(np.zeros(len(pool), bool), [], np.zeros(len(pool.before), bool))
    share = settle_share(root, aside.test_share)
    known = groups_of(root, aside.group_by)
    groups, mask = _drawn(known, pool.columns, share)
    asked = mask.copy()
    for tags in filters:
        asked &= tags.keep(pool) if isinstance(tags, Tags) else True
    turns: Counter[str] = Counter()
    queue = []
    for row, sample in zip(np.flatnonzero(asked).tolist(), np.array(pool.ids)[asked].tolist(), strict=True):
        queue.append((turns[groups[row]], place_of(groups[row], "test"), sample))
        turns[groups[row]] += 1
    now = [sample for *_, sample in sorted(queue)[: int(budget * aside.budget_share)]]
    return Apart(mask, now, _drawn(known, pool.before, share)[1])


def _drawn(known: pa.Table, rows: pa.Table, share: float) -> tuple[list[str], NDArray[np.bool_]]:
    """The group of each row, and whether it is drawn for testing."""
    places = pc.index_in(rows["sample_id"], value_set=known["sample_id"].combine_chunks())
    groups: list[str] = known["group"].take(places).to_pylist()
    is_drawn = {group: drawn(group, share, "test") for group in set(groups)}
    return groups, np.array([is_drawn[group] for group in groups], bool)


def put_first(picks: pa.Table, first: pa.Table) -> pa.Table:
    """Picks with those that are set aside before them.

    Args:
        picks: with rank, gain and reason.
        first: the other columns of these, of what is set aside.
    """
    told = {"rank": range(1, len(first) + 1), "gain": [0.0] * len(first), "reason": [REASON] * len(first)}
    columns = {name: told.get(name, first[name] if name in first.column_names else None) for name in picks.column_names}
    ranked = picks.set_column(picks.column_names.index("rank"), "rank", pc.add(picks["rank"], len(first)))
    return pa.concat_tables([pa.table(columns, schema=picks.schema), ranked.cast(picks.schema)])
