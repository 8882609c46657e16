"""Erase rows for good: out of the table, its older versions and its indexes. Only `winnow forget` takes rows away.

What Lance deletes stays in its files until they are written anew, in an index until that is made anew, and the
condition stays in its log of transactions until that is cleaned up: so conditions name ids, and `purge` ends the work.
"""

import functools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import tables
from tasks.store.root import Root

SLICE = 2000
"""Ids that one condition names."""

ATTEMPTS = 10
"""How often a table is written anew while others write into it."""

AT_ANY_TIME = (*tables.LOGS, "annotations", "findings", "tags")
"""Tables into which a command may insert that waits for no other run: files there that no version names may be its."""


def erase(root: Root, name: str, column: str, ids: Sequence[str]) -> int:
    """Delete the rows of a table whose `column` is one of the ids, hashes all of them; how many that were."""
    dataset = tables.open_table(root, name)
    if dataset is None:
        return 0
    gone = 0
    for start in range(0, len(ids), SLICE):
        part = ids[start : start + SLICE]
        found = count(dataset, pc.field(column).isin(pa.array(part, pa.string())))
        if found:
            told = ", ".join(f"'{one}'" for one in part)
            tables.persisting(root, functools.partial(dataset.delete, f"{column} IN ({told})"))
        gone += found
    return gone


def count(dataset: Any, where: Any) -> int:
    """Rows for which a condition holds."""
    return int(dataset.count_rows(filter=where)) if dataset is not None else 0


def purge(root: Root, name: str) -> None:
    """Write what is left of a table anew, its indexes too, and remove every file that the newest version needs not.

    To be called while no other run is at work: whoever reads an older version has to read again.
    """

    def work() -> None:
        dataset = tables.open_table(root, name)
        if dataset is None:
            return
        dataset.optimize.compact_files(materialize_deletions=True, materialize_deletions_threshold=0.0)
        for found in dataset.describe_indices():
            dataset.drop_index(found.name)
            dataset.create_scalar_index(found.field_names[0], "BTREE", name=found.name)
        dataset.cleanup_old_versions(
            timedelta(0), delete_unverified=name not in AT_ANY_TIME, error_if_tagged_old_versions=False
        )

    _again(lambda: tables.persisting(root, work))


def _again(work: Callable[[], None]) -> None:
    for left in reversed(range(ATTEMPTS)):
        try:
            work()
            break
        except OSError as error:
            if "conflict" not in str(error) or not left:
                raise
