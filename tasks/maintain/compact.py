"""Compact tables: few large files instead of many small ones, an index on the key, and no versions of long ago."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.maintain.settings import MaintainSettings
from tasks.progress import advance
from tasks.store import tables
from tasks.store.root import Root, open_root
from tasks.store.schema import key_of
from tasks.unit import unit

_INDEX = "by_key"


@dataclass(frozen=True)
class Compacted:
    """What became of one table, or would: files that hold its rows, and versions, before and after."""

    table: str
    rows: int
    files_before: int
    files: int
    versions_before: int
    versions: int
    indexed: bool


@unit("compact tables")
def compact_tables(root: str, settings: MaintainSettings, *, dry_run: bool = False) -> list[Compacted]:
    """Compact every table, refresh its index, and clean up its old versions; safe beside runs that read and write.

    Rows stay the same throughout. What another writer changes at the same moment is left for the next time.

    Args:
        root: URI of the root.
        settings: what to leave alone.
        dry_run: change nothing, and tell what would go at most.
    """
    opened = open_root(root)
    names = opened.table_names()
    advance("maintain", 0, len(names))
    done = []
    for name in names:
        compacted = _compact(opened, name, settings, dry_run)
        done += [compacted] if compacted else []
        advance("maintain", 1)
    return done


def _compact(root: Root, name: str, settings: MaintainSettings, dry_run: bool) -> Compacted | None:
    dataset = tables.open_table(root, name)
    if dataset is None:
        return None
    versions, files, rows = dataset.versions(), _files(dataset), dataset.count_rows()
    since = datetime.now(UTC) - timedelta(days=settings.keep_versions_days)
    wanted = rows >= settings.index_from_rows
    if dry_run:
        left = sum(_made_at(version) >= since for version in versions[:-1]) + 1
        return Compacted(name, rows, files, min(files, 1), len(versions), left, wanted)
    if wanted:  # before: fragments that one index covers become one, others stay apart
        tables.index(root, dataset, key_of(name), _INDEX)
    tables.compact(root, dataset)
    tables.forget_versions(root, dataset, timedelta(days=settings.keep_versions_days))
    now: Any = tables.open_table(root, name)
    return Compacted(name, rows, files, _files(now), len(versions), len(now.versions()), wanted)


def _files(dataset: Any) -> int:
    return sum(len(fragment.data_files()) for fragment in dataset.get_fragments())


def _made_at(version: dict[str, Any]) -> datetime:
    moment: datetime = version["timestamp"]
    return moment.astimezone(UTC)
