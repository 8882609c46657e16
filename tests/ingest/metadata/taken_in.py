"""Plan, ingest and commit, without gates and later stages: all that metadata goes through."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.settings import Settings, load_settings
from tasks.ingest.plan import Plan, plan
from tasks.ingest.resolve import commit_ingest, gather_ingest
from tasks.ingest.shard import ingest_shard, shards_to_ingest
from tasks.store import tables, views
from tasks.store.root import open_root


def settings_of(source: Path | str, root: Path, **metadata: Any) -> Settings:
    """Settings with these of metadata; `keep_gps`, `timezone` and `include` go to ingest itself."""
    own = {name: metadata.pop(name) for name in ("keep_gps", "timezone", "include") if name in metadata}
    stated = {"ingest": {**own, "metadata": metadata}}
    return load_settings(None, {"source": str(source), "root": str(root), **stated})


def planned(settings: Settings, by: str | None = None) -> Plan:
    """What a run would plan."""
    root = open_root(settings.root_uri, create=True)
    return plan(root, settings.source_uri, settings.ingest, settings.frozen(), by)


def take_in(settings: Settings, by: str | None = None) -> Plan:
    """Plan, ingest, commit."""
    made = planned(settings, by)
    for batch in made.batches:
        ingest_shard.each(shards_to_ingest(settings.root_uri, batch, 1))
        gather_ingest(settings.root_uri, batch)
        commit_ingest(settings.root_uri, batch)
    return made


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    """What a query gives."""
    found: list[dict[str, Any]] = views.query(open_root(settings.root_uri), sql).to_pylist()
    return found


def told(settings: Settings, view: str = "samples") -> dict[str, Any]:
    """What is said of each file, by its name: what goes into columns, and the rest."""
    uri, taken = ("source_uri", "captured_at") if view == "samples" else ("uri", "NULL::TIMESTAMPTZ")
    sql = f"SELECT {uri} AS uri, sensor_id, metadata, strftime({taken}, '%d %H:%M') AS taken FROM {view} ORDER BY ALL"
    return {
        row["uri"].rpartition("/")[2]: (row["sensor_id"], json.loads(row["metadata"]), row["taken"])
        for row in rows(settings, sql)
    }


def findings(settings: Settings) -> list[tuple[str, ...]]:
    """Kind, file, what was wrong, and status of every finding."""
    sql = """SELECT kind, split_part(suggestion->>'$.uri', '/', -1) AS file, suggestion->>'$.wrong' AS wrong, status
             FROM findings ORDER BY ALL"""
    return [tuple(row.values()) for row in rows(settings, sql)]


def versions(settings: Settings) -> dict[str, int]:
    """The version of every table."""
    root = open_root(settings.root_uri)
    opened = {name: tables.open_table(root, name) for name in root.table_names()}
    return {name: dataset.version for name, dataset in opened.items() if dataset is not None}


def written(settings: Settings) -> list[bytes]:
    """The bytes of every file in the root, and the text of every row: compressed tables hide nothing."""
    root = open_root(settings.root_uri)
    found = [path.read_bytes() for path in Path(settings.root).rglob("*") if path.is_file()]
    for name in root.table_names():
        dataset: Any = tables.open_table(root, name)
        table: pa.Table = dataset.to_table()
        found += [repr(column.to_pylist()).encode() for column in table.columns]
    return found
