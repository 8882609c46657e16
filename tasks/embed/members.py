"""Members: what a batch embeds, listed in staging where every shard finds it: kept samples, or crops of samples."""

import pyarrow as pa

from tasks.embed.choose import Model
from tasks.labels.crops import STAGE
from tasks.store import staging
from tasks.store.kept import kept_in
from tasks.store.log import Log, read_log
from tasks.store.root import Root
from tasks.store.schema_vectors import crops, embeddings
from tasks.store.table import Table

SAMPLES = pa.schema([("sample_id", pa.string())])
CROPS = pa.schema(
    [
        ("crop_id", pa.string()),
        ("sample_id", pa.string()),
        *((edge, pa.int32()) for edge in ("left", "top", "right", "bottom")),
    ]
)


def members_uri(root: Root, batch: str) -> str:
    """Where the members of a batch are listed."""
    return root.at("staging", batch, "members.parquet")


def list_members(root: Root, batch: str) -> pa.Table:
    """List them, unless they are; the rows, of SAMPLES or CROPS."""
    members = members_now(root, read_log(root), batch)
    uri = members_uri(root, batch)
    listed = staging.read_rows(root, uri)
    if listed is None or not listed.equals(members):
        staging.write_rows(root, uri, members)
    return members


def members_now(root: Root, log: Log, batch: str) -> pa.Table:
    """What a batch of objects keeps; what was listed when a batch was planned to be embedded, for whatever reason.

    A batch of objects keeps more once another one is discarded whose samples it repeated.
    """
    if log.batches[batch].planned.stage in ("embed", STAGE):
        return read_members(root, batch)
    return kept_in(root, log, [batch]).cast(SAMPLES).combine_chunks()


def read_members(root: Root, batch: str) -> pa.Table:
    """What is listed. Raises StagedAwayError."""
    return next(staging.read_all(root, [members_uri(root, batch)])).combine_chunks()


def are_crops(members: pa.Table) -> bool:
    """Whether they are crops of samples."""
    return "crop_id" in members.column_names


def stage_of(members: pa.Table) -> str:
    """The stage in which they are embedded."""
    return STAGE if are_crops(members) else "embed"


def table_for(members: pa.Table, model: Model) -> Table:
    """Where their vectors belong."""
    name = model.table.removeprefix("embeddings_")
    return (crops if are_crops(members) else embeddings)(name, model.dimensions)
