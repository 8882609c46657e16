"""Snapshots: named, immutable manifests of samples, labels and sides. Models are trained on snapshots only.

A manifest is one Parquet file below `<root>/snapshots`. Its hash is over what it says, not over how that was encoded.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from tasks.labels.values import LabelType
from tasks.store import staging, views
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tasks.store.root import Root

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = get_args(Side)

MANIFEST = pa.schema(
    [
        pa.field("sample_id", pa.string()),
        pa.field("annotation_id", pa.string()),
        pa.field("value", pa.string()),
        pa.field("side", pa.string()),
        pa.field("group", pa.string()),
    ]
)
"""One row a sample, in the order of their ids: its label (see tasks/labels/values.py), its side, and its group: what
belongs to one recording, or looks the same, is never on two sides. Of a sample that was forgotten since only the id is
left, all else is null."""

_HEADER = b"winnow"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot.

    Attributes:
        name: what it is called.
        ontology: the label schema.
        ontology_version: version of the label schema.
        label_type: class, multilabel, boxes or masks.
        classes: of the ontology, in its order.
        parent: the snapshot that it grew from.
        rows: see MANIFEST.
        forgotten: ids of samples that it had and that were forgotten since: of them it says nothing else any more.
    """

    name: str
    ontology: str
    ontology_version: int
    label_type: LabelType
    classes: tuple[str, ...]
    parent: str | None
    rows: pa.Table
    forgotten: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """BLAKE3 of what it says, 64 hex digits; its name and its parent are no part of it."""
        said: list[Any] = [self.ontology, self.ontology_version, self.label_type, list(self.classes)]
        return _digest([*said, list(self.forgotten)] if self.forgotten else said, self.rows)

    @property
    def test_hash(self) -> str:
        """Of samples and labels of its test side, whoever gave these: figures compare on sides of one hash only."""
        return _digest([self.ontology, list(self.classes)], self.side("test"), ("sample_id", "value"))

    def side(self, side: Side) -> pa.Table:
        """The rows of one side."""
        return self.rows.filter(pc.equal(self.rows["side"], side))


def manifest_uri(root: Root, name: str) -> str:
    """Where the manifest of a snapshot lies."""
    return root.at("snapshots", f"{name}.parquet")


def with_header(snapshot: Snapshot) -> pa.Table:
    """The rows with what is said of the whole in their schema: what `as_snapshot` reads."""
    said = {name: getattr(snapshot, name) for name in _SAID}
    bare = pa.Table.from_pylist([{"sample_id": one} for one in snapshot.forgotten], schema=MANIFEST)
    rows = pa.concat_tables([snapshot.rows.cast(MANIFEST), bare]).sort_by("sample_id")
    return rows.replace_schema_metadata({_HEADER: json.dumps(said, sort_keys=True)})


def as_snapshot(rows: pa.Table) -> Snapshot:
    """What `with_header` wrote."""
    said: dict[str, Any] = json.loads((rows.schema.metadata or {})[_HEADER])
    bare = rows.filter(pc.is_null(rows["value"]))["sample_id"].to_pylist()
    stands = rows.filter(pc.is_valid(rows["value"])).replace_schema_metadata()
    return Snapshot(**{**said, "classes": tuple(said["classes"])}, rows=stands, forgotten=tuple(bare))


def write_manifest(root: Root, snapshot: Snapshot) -> str:
    """Write the manifest; its URI. The same snapshot again gives the same file."""
    uri = manifest_uri(root, snapshot.name)
    staging.write_rows(root, uri, with_header(snapshot))
    return uri


def snapshot_names(root: Root) -> list[str]:
    """Names of the snapshots, oldest first."""
    found = views.connect(root).execute("SELECT name FROM snapshots ORDER BY created_at, name").fetchall()
    return [row[0] for row in found]


def read_snapshot(root: Root, name: str) -> Snapshot:
    """A snapshot by its name.

    Raises:
        UsageError: there is none of that name, or its manifest is gone or is another one now.
    """
    committed = committed_hash(root, name)
    rows = staging.read_rows(root, manifest_uri(root, name))
    if rows is None:
        raise UsageError(f"The manifest of snapshot {name} is gone or damaged: restore it from a backup.")
    snapshot = as_snapshot(rows)
    if snapshot.hash not in (committed, *_hashes_since(root, name)):
        raise UsageError(
            f"The manifest of snapshot {name} is another one than was committed: restore it from a backup."
        )
    return snapshot


def committed_hash(root: Root, name: str) -> str:
    """The hash under which a snapshot was committed. Raises UsageError if there is none of that name."""
    sql = "SELECT manifest_hash FROM snapshots WHERE name = ?"
    found = views.connect(root).execute(sql, [name]).fetchall()
    if not found:
        names = ", ".join(snapshot_names(root)) or "none yet; `winnow snapshot NAME` makes one"
        raise UsageError(f"There is no snapshot {name!r}; there are: {names}.")
    return str(found[0][0])


def refuse_gone(root: Root, snapshot: Snapshot) -> None:
    """Raise UsageError if samples of a snapshot were given up since it was made."""
    sql = "SELECT sample_id FROM members WHERE sample_id NOT IN (SELECT sample_id FROM samples) ORDER BY sample_id"
    gone = views.connect(root, members=snapshot.rows.select(["sample_id"])).execute(sql).fetchall()
    if gone:
        raise UsageError(
            f"{len(gone)} of the {len(snapshot.rows)} samples of snapshot {snapshot.name} were given up since, the "
            f"first is {gone[0][0]}: `winnow snapshot NAME` makes one without them."
        )


def _hashes_since(root: Root, name: str) -> list[str]:
    """The hashes that a manifest has since some of its samples were forgotten: the log has them."""
    told = [event.counts.get("manifests", {}) for event in read_log(root).events if event.stage == "forget"]
    return [hashes[name] for hashes in told if name in hashes]


_SAID = ("name", "ontology", "ontology_version", "label_type", "classes", "parent")


def _digest(said: list[Any], rows: pa.Table, names: Sequence[str] = tuple(MANIFEST.names)) -> str:
    digest = blake3(json.dumps(said, ensure_ascii=False).encode())
    for row in rows.sort_by("sample_id").to_pylist():
        digest.update(json.dumps([row[name] for name in names], ensure_ascii=False).encode())
    return digest.hexdigest()
