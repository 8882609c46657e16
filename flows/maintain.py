"""Maintain: compact, refresh indexes, sweep."""

from dataclasses import dataclass, field
from typing import Any

from prefect import flow

from flows.forget import finish_forgetting
from flows.settings import Settings
from tasks.forget.forget import Erased, begun
from tasks.maintain.compact import Compacted, compact_tables
from tasks.maintain.sweep import Swept, sweep
from tasks.store.commit import roll_forward
from tasks.store.root import LEARNING, LEARNING_LOCK, WAITING, locked, open_root


@dataclass(frozen=True)
class Maintained:
    """What maintenance did, or would do: to every table, what it swept away, and what it finished to forget."""

    tables: list[Compacted]
    swept: Swept
    forgotten: list[Erased] = field(default_factory=list)


@flow(name="maintain")
def maintain(settings: Settings, dry_run: bool = False) -> Any:
    """Keep the tables few and fast, and take away what nothing needs any more, or what was to be forgotten.

    Safe beside running writers: compacting waits for nobody, only the sweep is done while no other run is at work, and
    a dry run waits for nobody at all.

    Args:
        settings: all of them; the root and `maintain` at least.
        dry_run: change nothing, tell what would go.

    Returns:
        A Maintained.
    """
    root = open_root(settings.root_uri)
    if dry_run:
        return Maintained(
            compact_tables(root.uri, settings.maintain, dry_run=True), sweep(root.uri, settings.maintain, dry_run=True)
        )
    roll_forward(root)
    forgotten = []
    if begun(root):
        with locked(root, LEARNING, LEARNING_LOCK), locked(root, WAITING):
            forgotten = finish_forgetting(root, settings)
    compacted = compact_tables(root.uri, settings.maintain)
    with locked(root, WAITING):
        return Maintained(compacted, sweep(root.uri, settings.maintain), forgotten)
