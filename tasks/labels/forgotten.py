"""Snapshots after some of their samples were forgotten: the bare ids stay, and how many they are."""

import dataclasses
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from tasks.labels.snapshot import Snapshot, as_snapshot, write_manifest
from tasks.store import staging
from tasks.store.root import Root
from tasks.store.storage import Entry


def snapshots_without(root: Root, samples: Collection[str]) -> dict[str, str]:
    """The hash that the manifest of each snapshot will have without what it says of these samples, where it has any."""
    return {one.name: one.hash for one in _without(root, samples)}


def forget_in_snapshots(root: Root, samples: Collection[str]) -> int:
    """Write the manifests that say anything of these samples anew; how many."""
    changed = _without(root, samples)
    for one in changed:
        write_manifest(root, one)
    return len(changed)


def _without(root: Root, samples: Collection[str]) -> list[Snapshot]:
    gone = pa.array(list(samples), pa.string())
    changed = []
    for entry in root.storage.list(root.at("snapshots")):
        rows = staging.read_rows(root, entry.uri) if isinstance(entry, Entry) else None
        snapshot = as_snapshot(rows) if rows is not None else None
        if snapshot is not None:
            concerned = pc.is_in(snapshot.rows["sample_id"], value_set=gone)
            bare = snapshot.rows.filter(concerned)["sample_id"].to_pylist()
            left = snapshot.rows.filter(pc.invert(concerned))
            if bare:
                forgotten = tuple(sorted((*snapshot.forgotten, *bare)))
                changed.append(dataclasses.replace(snapshot, rows=left, forgotten=forgotten))
    return changed
