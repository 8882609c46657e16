"""The kept samples of a few batches, as the view `kept` has them, without reading what the other batches brought."""

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import tables
from tasks.store.log import Log
from tasks.store.root import Root
from tasks.store.schema import DUPLICATES, SAMPLES


def kept_in(
    root: Root,
    log: Log,
    batches: Sequence[str],
    columns: Sequence[str] = (),
    *,
    after: Literal["dedupe", "compare"] = "dedupe",
) -> pa.Table:
    """sample_id and `columns` of what a stage left of the batches, in the order of the batches, then of the ids.

    Batches whose stage is not visible in `log` keep nothing yet.
    """
    visible = set(log.visible(after))
    wanted = pa.array([batch for batch in batches if batch in visible], pa.string())
    rows = tables.rows_of_batches(root, SAMPLES, wanted, ["sample_id", *columns])
    rows = rows.filter(pc.invert(pc.is_in(rows["sample_id"], value_set=_redundant(root, log, wanted, after))))
    rows = rows.append_column("place", pc.index_in(rows["batch_id"], value_set=wanted))
    ordered = rows.sort_by([("place", "ascending"), ("sample_id", "ascending")])
    return ordered.select(["sample_id", *columns])


def discarded_after_ingest(log: Log) -> list[str]:
    """Batches of objects whose samples were given up after they were committed: what repeated them is kept again."""
    discards = {batch.batch_id: batch.discarded for batch in log.batches.values() if batch.planned.stage == "ingest"}
    return [batch for batch, event in discards.items() if event and event.stage != "ingest"]


def _redundant(root: Root, log: Log, batches: pa.Array, after: str) -> pa.Array:
    """Samples of the batches that a stage found to repeat a sample which is there still."""
    rows = tables.rows_of_batches(root, DUPLICATES, batches, ["sample_id", "kept_id", "kind"])
    if after == "dedupe":
        rows = rows.filter(pc.equal(rows["kind"], "perceptual"))
    gone = pa.array(discarded_after_ingest(log), pa.string())
    if len(rows) and len(gone):
        given_up = tables.rows_of_batches(root, SAMPLES, gone, ["sample_id"])["sample_id"].combine_chunks()
        rows = rows.filter(pc.invert(pc.is_in(rows["kept_id"], value_set=given_up)))
    return rows["sample_id"].combine_chunks()
