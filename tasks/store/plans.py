"""Plans of batches: which objects, in which order, with which settings. Written before any file is read."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import staging
from tasks.store.errors import PlanAwayError
from tasks.store.ids import batch_id
from tasks.store.log import Event, record
from tasks.store.root import Root

PLANNED = pa.schema(
    [
        ("object_id", pa.string()),
        ("uri", pa.string()),
        ("version", pa.string()),
        ("pass", pa.int32()),
        ("deferrals", pa.int32()),
        ("byte_size", pa.int64()),
        ("modified_at", pa.timestamp("us", tz="UTC")),
        ("sensor_id", pa.string()),
        ("sequence_id", pa.string()),
        ("metadata", pa.string()),
        ("said", pa.string()),
        ("doubts", pa.string()),
        ("sidecar_version", pa.string()),
    ]
)
"""One row an object, in the order in which the batch takes them.

`deferrals`: passes in a row that did not reach it. From sensor_id on: what path, sidecar and joined file say of it, as
in the table `metadata`; `doubts`: what is wrong with that, as JSON; all null where nothing says anything.
"""


def plan_uri(root: Root, batch: str) -> str:
    """Where the plan of a batch lies."""
    return root.at("staging", batch, "plan.parquet")


def add_batch(root: Root, source: str, objects: pa.Table, frozen: dict[str, Any]) -> str:
    """Write the plan of one batch, then the `planned` event; the id of the batch.

    Args:
        root: where the dataset is.
        source: URI that the objects come from.
        objects: rows as PLANNED.
        frozen: the settings that all stages of the batch compute with.
    """
    name = batch_id("b", objects["object_id"].to_pylist())
    staging.write_rows(root, plan_uri(root, name), objects.replace_schema_metadata({"frozen": json.dumps(frozen)}))
    counts = {"objects": len(objects), "bytes": pc.sum(objects["byte_size"]).as_py() or 0}
    event = Event(name, "planned", "ingest", source, counts, staging.settings_hash(frozen))
    record(root, lambda log: None if name in log.batches else event)
    return name


def read_plan(root: Root, batch: str) -> tuple[pa.Table, dict[str, Any]]:
    """The planned objects of a batch, and the settings that were frozen with them. Raises PlanAwayError."""
    planned = staging.read_rows(root, plan_uri(root, batch))
    if planned is None:
        raise PlanAwayError(
            f"The plan of {batch} is missing or damaged: restore {plan_uri(root, batch)} and release the batch, or "
            "discard it, then its files are planned anew."
        )
    return planned, json.loads(planned.schema.metadata[b"frozen"])
