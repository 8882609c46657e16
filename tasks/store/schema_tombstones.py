"""The table of tombstones; the others are in schema.py."""

from tasks.store.table import TEXT, TIME, Column, Table

TOMBSTONES = Table(
    "tombstones",
    "one row per thing that was forgotten and must not come back; no name, no pixel, no label, only its id",
    "tombstone_id",
    (
        Column("tombstone_id", TEXT, "hash of kind and forgotten_id"),
        Column("kind", TEXT, "object (on its first pass), content (bytes of a file) or sample"),
        Column("forgotten_id", TEXT, "the id of what was forgotten: a hash, as in the other tables"),
        Column("batch_id", TEXT, "the forgetting: its event in `batches` says who, when and why; or a later batch"),
        Column("created_at", TIME, "when"),
    ),
)
