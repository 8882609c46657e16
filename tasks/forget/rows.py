"""Rows: erase from every table what it has of forgotten samples and files, in its older versions and indexes too."""

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from tasks.forget.concern import Concern
from tasks.progress import advance
from tasks.store import tables
from tasks.store.erase import count, erase, purge
from tasks.store.root import Root
from tasks.store.schema import DUPLICATES, FINDINGS, METADATA, OBJECTS
from tasks.store.schema_video import VIDEOS
from tasks.store.table import Table

OF_A_SAMPLE = ("duplicates", "selections", "annotations", "predictions", "findings", "tags", "samples")
"""Tables whose rows are about one sample, besides those of vectors; what refers to it goes before it."""


def erase_rows(root: Root, concern: Concern) -> dict[str, int]:
    """Erase them, and write the tables anew without them; rows that went, by table.

    What repeated a forgotten sample is kept from now on: there is nothing left that it repeats.
    """
    vectors = [name for name in root.table_names() if name.startswith("embeddings_")]
    told = (METADATA.name, VIDEOS.name, OBJECTS.name)
    advance("forget", 0, len(OF_A_SAMPLE) + len(vectors) + len(told))
    gone = {name: erase(root, name, "sample_id", concern.samples) for name in (*vectors, *OF_A_SAMPLE)}
    gone[DUPLICATES.name] += erase(root, DUPLICATES.name, "kept_id", concern.samples)
    gone[FINDINGS.name] += erase(root, FINDINGS.name, "finding_id", _findings_about(root, concern))
    gone[METADATA.name] = erase(root, METADATA.name, "metadata_id", _metadata_of(root, concern))
    gone[VIDEOS.name] = erase(root, VIDEOS.name, "video_id", concern.contents)
    gone[OBJECTS.name] = erase(root, OBJECTS.name, "object_id", concern.rows)
    for name in gone:
        purge(root, name)
        advance("forget", 1)
    return {name: count for name, count in gone.items() if count}


def count_rows(root: Root, concern: Concern) -> dict[str, int]:
    """Rows about the samples, by table, and those of objects."""
    vectors = [name for name in root.table_names() if name.startswith("embeddings_")]
    where = pc.field("sample_id").isin(pa.array(concern.samples, pa.string()))
    found = {name: count(tables.open_table(root, name), where) for name in (*vectors, *OF_A_SAMPLE)}
    return {name: number for name, number in found.items() if number} | {OBJECTS.name: len(concern.rows)}


def _metadata_of(root: Root, concern: Concern) -> list[str]:
    """Rows of metadata about the files."""
    uris = set(concern.uris)
    return _ids(root, METADATA, "uri", lambda uri: uri in uris)


def _findings_about(root: Root, concern: Concern) -> list[str]:
    """Findings about the metadata of the files, which name them."""
    uris = set(concern.uris)
    return _ids(root, FINDINGS, "suggestion", lambda told: _uri_in(told) in uris)


def _uri_in(suggestion: str | None) -> str | None:
    told = json.loads(suggestion) if suggestion else None
    return told.get("uri") if isinstance(told, dict) else None


def _ids(root: Root, table: Table, column: str, concerns: Callable[[str | None], bool]) -> list[str]:
    """Keys of the rows whose value in a column concerns what goes."""
    dataset = tables.open_table(root, table.name)
    ids: list[str] = []
    for rows in tables.batches_of(dataset, [table.key, column]) if dataset is not None else ():
        pairs = zip(rows[table.key].to_pylist(), rows[column].to_pylist(), strict=True)
        ids += [one for one, value in pairs if concerns(value)]
    return ids
