"""Rows: erase from every table what it has of forgotten samples and files, in its older versions and indexes too."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.forget.concern import Concern
from tasks.progress import advance
from tasks.store import tables
from tasks.store.erase import count, erase, purge
from tasks.store.root import Root
from tasks.store.schema import DUPLICATES, FINDINGS, METADATA, OBJECTS
from tasks.store.schema_vectors import OF_VECTORS
from tasks.store.schema_video import VIDEOS
from tasks.store.table import Table

OF_A_SAMPLE = ("duplicates", "selections", "annotations", "predictions", "findings", "tags", "samples")
"""Tables whose rows are about one sample, besides those of vectors; what refers to it goes before it."""


def erase_rows(root: Root, concern: Concern) -> dict[str, int]:
    """Erase them, and write the tables anew without them; rows that went, by table.

    What repeated a forgotten sample is kept from now on: there is nothing left that it repeats.
    """
    which = _which(root, concern)
    advance("forget", 0, len(which))
    gone = Counter({name: 0 for name, _, _ in which})
    for name, column, ids in which:
        gone[name] += erase(root, name, column, ids)
        advance("forget", 1)
    for name in gone:
        purge(root, name)
    return dict(+gone)


def count_rows(root: Root, concern: Concern) -> dict[str, int]:
    """Rows that `erase_rows` would erase, by table."""
    found: Counter[str] = Counter()
    for name, column, ids in _which(root, concern):
        found[name] += count(tables.open_table(root, name), pc.field(column).isin(pa.array(ids, pa.string())))
    return dict(+found)


def _which(root: Root, concern: Concern) -> list[tuple[str, str, Sequence[str]]]:
    """Table, column and ids of the rows that go; what refers to something goes before it."""
    vectors = [name for name in root.table_names() if name.startswith(tuple(OF_VECTORS))]
    return [
        *((name, "sample_id", concern.samples) for name in (*vectors, *OF_A_SAMPLE)),
        (DUPLICATES.name, "kept_id", concern.samples),
        (FINDINGS.name, FINDINGS.key, _findings_about(root, concern)),
        (METADATA.name, METADATA.key, _metadata_of(root, concern)),
        (VIDEOS.name, VIDEOS.key, concern.contents),
        (OBJECTS.name, OBJECTS.key, concern.rows),
    ]


def _metadata_of(root: Root, concern: Concern) -> list[str]:
    """Rows of metadata about the files."""
    uris = set(concern.uris)
    return _ids(root, METADATA, "uri", lambda uri: uri in uris)


def _findings_about(root: Root, concern: Concern) -> list[str]:
    """Findings about the metadata of files that are no samples: they name the file."""
    uris = set(concern.uris)
    where = pc.field("sample_id").is_null()
    return _ids(root, FINDINGS, "suggestion", lambda told: _uri_in(told) in uris, where)


def _uri_in(suggestion: str | None) -> str | None:
    told = json.loads(suggestion) if suggestion else None
    return told.get("uri") if isinstance(told, dict) else None


def _ids(root: Root, table: Table, column: str, concerns: Callable[[str | None], bool], where: Any = None) -> list[str]:
    """Keys of the rows whose value in a column concerns what goes."""
    dataset = tables.open_table(root, table.name)
    ids: list[str] = []
    for rows in tables.batches_of(dataset, [table.key, column], where) if dataset is not None else ():
        pairs = zip(rows[table.key].to_pylist(), rows[column].to_pylist(), strict=True)
        ids += [one for one, value in pairs if concerns(value)]
    return ids
