"""Maintain: compact, refresh indexes, sweep."""

from dataclasses import dataclass
from typing import Any

from prefect import flow

from flows.settings import Settings
from tasks.maintain.compact import Compacted, compact_tables
from tasks.maintain.sweep import Swept, sweep
from tasks.store.commit import roll_forward
from tasks.store.root import WAITING, locked, open_root


@dataclass(frozen=True)
class Maintained:
    """What maintenance did, or would do: to every table, and what it swept away."""

    tables: list[Compacted]
    swept: Swept


@flow(name="maintain")
def maintain(settings: Settings, dry_run: bool = False) -> Any:
    """Keep the tables few and fast, and take away what nothing needs any more.

    Safe beside running writers: compacting waits for nobody, only the sweep is done while no other run is at work.

    Args:
        settings: all of them; the root and `maintain` at least.
        dry_run: change nothing, tell what would go.

    Returns:
        A Maintained.
    """
    root = open_root(settings.root_uri)
    if not dry_run:
        roll_forward(root)
    compacted = compact_tables(root.uri, settings.maintain, dry_run=dry_run)
    with locked(root, WAITING):
        swept = sweep(root.uri, settings.maintain, dry_run=dry_run)
    return Maintained(compacted, swept)
