"""Run flows as plain functions: the same recipe, without a Prefect server."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.run import Summary
from flows.settings import Settings, load_settings
from tasks.store import tables, views
from tasks.store.root import Root, open_root

FAST = {"embed.model": "descriptor-1"}


def settings_for(source: Path, root: Path | str, **overrides: Any) -> Settings:
    """Settings of a test; `__` in a name stands for a dot."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(None, {"source": str(source), "root": str(root), **FAST, **dotted})


def curate(settings: Settings) -> Summary:
    """One run of the flow curate."""
    from flows.curate import curate as flow

    return _summary(flow.fn(settings))


def select(settings: Settings, name: str | None = None) -> Summary:
    """One run of the flow select."""
    from flows.select import select as flow

    return _summary(flow.fn(settings, name))


def label(settings: Settings) -> Summary:
    """One run of the flow label."""
    from flows.label import label as flow

    return _summary(flow.fn(settings))


def learn(settings: Settings, name: str | None = None) -> Summary:
    """One run of the flow learn."""
    from flows.learn import learn as flow

    return _summary(flow.fn(settings, name))


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    """What a query gives."""
    found: list[dict[str, Any]] = views.query(opened(settings), sql).to_pylist()
    return found


def opened(settings: Settings) -> Root:
    """The root of the settings."""
    return open_root(settings.root_uri)


def versions(settings: Settings) -> dict[str, int]:
    """The version of every table."""
    root = opened(settings)
    found = {name: tables.open_table(root, name) for name in root.table_names()}
    return {name: dataset.version for name, dataset in found.items() if dataset is not None}


def content(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Everything that has to be the same after any history: run ids, times and the log aside."""
    root = opened(settings)
    vectors = {}
    for name in root.table_names():
        dataset = tables.open_table(root, name)
        if dataset is not None and name.startswith("embeddings_"):
            vectors[name] = dataset.to_table(columns=["sample_id", "vector"]).sort_by("sample_id").to_pylist()
    return {
        "objects": rows(
            settings,
            'SELECT object_id, uri, version, "pass", content_id, outcome, reason, sample_id, batch_id FROM objects '
            "ORDER BY object_id",
        ),
        "samples": rows(
            settings,
            f"SELECT * EXCLUDE (ingested_at) REPLACE (replace(uri, '{root.uri}', '') AS uri) FROM samples "
            "ORDER BY sample_id",
        ),
        "videos": rows(settings, "SELECT * EXCLUDE (ingested_at) FROM videos ORDER BY video_id"),
        "duplicates": rows(settings, "SELECT * FROM duplicates ORDER BY sample_id"),
        "selections": rows(settings, "SELECT * EXCLUDE (created_at) FROM selections ORDER BY selection, rank"),
        **vectors,
    }


def doubled_keys(settings: Settings) -> dict[str, int]:
    """Keys that stand in a table more than once, by table; nothing, if all is well."""
    from tasks.store.schema import key_of

    root = opened(settings)
    found = {}
    for name in root.table_names():
        dataset = tables.open_table(root, name)
        key = key_of(name)
        if dataset is not None:
            keys = dataset.to_table(columns=[key])[key]
            if len(keys) != len(pa.compute.unique(keys)):
                found[name] = len(keys)
    return found


def _summary(returned: Any) -> Summary:
    summary: Summary = returned if isinstance(returned, Summary) else returned.data
    return summary
