"""Set aside: what is for testing, drawn before anybody looks at it or named by a condition; no strategy picks it.

A part of each selection goes to it as chance has it, so that what measures models is a fair sample of what arrives.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.labels.group import drawn, groups_of, place_of
from tasks.labels.named import named_by
from tasks.labels.set_aside import settle_share
from tasks.select.pool import Pool
from tasks.select.tagged import Tags
from tasks.store import views
from tasks.store.root import Root

REASON = "set aside for testing"


@dataclass(frozen=True)
class SetAside:
    """What is set aside.

    Attributes:
        test_share: of the groups, 0 to 1; 0 for none. The first one that a root is asked for is recorded and stays.
        budget_share: of a selection, 0 to 1, that may go to them.
        group_by: column or metadata key of which no value is on two sides (see tasks/labels/group.py).
        test_where: condition over the columns of samples that names what is for testing; in place of the share.
    """

    test_share: float = 0.0
    budget_share: float = 0.0
    group_by: str | None = None
    test_where: str | None = None


NOTHING = SetAside()


@dataclass(frozen=True)
class Apart:
    """A pool, and what of it is set aside.

    Attributes:
        pool: without it. Nothing is trained on it, so what of it was chosen before neither covers nor tells anything;
            the others that were have their `group`.
        ids: those of it to be labelled now.
    """

    pool: Pool
    ids: list[str]


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

    Raises:
        UsageError: no sample has anything under `group_by`, or `test_where` is no condition.
    """
    known = groups_of(root, aside.group_by)
    is_aside = _rule(root, aside)
    groups, groups_before = (_groups(known, rows) for rows in (pool.columns, pool.before))
    mask = _mask(is_aside, pool.columns, groups)
    asked = mask.copy()
    for tags in filters:
        asked &= tags.keep(pool) if isinstance(tags, Tags) else True
    turns: Counter[str] = Counter()
    queue = []
    for row, sample in zip(np.flatnonzero(asked).tolist(), np.array(pool.ids)[asked].tolist(), strict=True):
        queue.append((turns[groups[row]], place_of(groups[row], "test"), sample))
        turns[groups[row]] += 1
    now = [sample for *_, sample in sorted(queue)[: _due(root, aside.budget_share, budget)]]
    before = pool.before.append_column("group", pa.array(groups_before, pa.string()))
    left = replace(pool, before=before).where(~mask).forgetting(_mask(is_aside, before, groups_before))
    return Apart(left, now)


def _rule(root: Root, aside: SetAside) -> Callable[[str, str], bool]:
    """Whether a sample of a group is set aside."""
    if aside.test_where is not None:
        named = named_by(root, "test_where", aside.test_where)
        return lambda sample, _group: sample in named
    share = settle_share(root, aside.test_share)
    return lambda _sample, group: drawn(group, share, "test")


def _groups(known: pa.Table, rows: pa.Table) -> list[str]:
    """The group of each row."""
    places = pc.index_in(rows["sample_id"], value_set=known["sample_id"].combine_chunks())
    groups: list[str] = known["group"].take(places).to_pylist()
    return groups


def _mask(is_aside: Callable[[str, str], bool], rows: pa.Table, groups: list[str]) -> NDArray[np.bool_]:
    """Of rows, whether each is set aside."""
    return np.array(list(map(is_aside, rows["sample_id"].to_pylist(), groups)), bool)


def _due(root: Root, share: float, budget: int) -> int:
    """How many of what is set aside to label now: up to their share of this selection and of all so far, rounded up."""
    counted = views.connect(root).execute("SELECT count(*), count(*) FILTER (reason = ?) FROM selections", [REASON])
    picks, before = (int(count) for count in counted.fetchall()[0])
    return max(0, min(_rounded_up(share * budget), _rounded_up(share * (picks + budget)) - before))


def _rounded_up(number: float) -> int:
    return ceil(round(number, 6))


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
