"""Open rejects again: a new decoder, a changed limit, a mistake. Plans them on their next pass."""

import datetime

import pyarrow as pa

from tasks.ingest.metadata.describe import Describer, described
from tasks.ingest.metadata.said import known_of
from tasks.ingest.plan import cut
from tasks.ingest.settings import IngestSettings
from tasks.ingest.source import prefix_of
from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.ids import object_id
from tasks.store.plans import PLANNED, add_batch
from tasks.store.reasons import Reject
from tasks.store.root import Root


def rejects(root: Root, reason: str | None, since: str | None) -> pa.Table:
    """The rejects that a retry would open, as PLANNED plus `source`.

    What was discarded after ingest stays so, and what was forgotten.

    Args:
        root: where the dataset is.
        reason: only these, of tasks/store/reasons.py.
        since: only those of batches planned on this day or later, as 2026-05-31.

    Raises:
        UsageError: no such reason, or no date.
    """
    if reason is not None and reason not in {known.value for known in Reject}:
        raise UsageError(f"There is no reason {reason!r}; there are: {', '.join(known.value for known in Reject)}.")
    try:
        day = datetime.date.fromisoformat(since) if since else datetime.date.min
    except ValueError as error:
        raise UsageError(f"{since!r} is no date; write it as 2026-05-31.") from error
    found = views.connect(root).sql(_REJECTS, params=[reason, reason, day.isoformat()]).to_arrow_table().to_pylist()
    rows = [
        {
            **row,
            "pass": row["pass"] + 1,
            "object_id": object_id(row["uri"], row["version"], row["pass"] + 1),
            "deferrals": 0,
        }
        for row in found
    ]
    return pa.Table.from_pylist(rows, schema=PLANNED.append(pa.field("source", pa.string())))


def open_again(
    root: Root, rows: pa.Table, settings: IngestSettings, frozen: dict[str, object], by: str | None = None
) -> list[str]:
    """Plan batches of the rejects that `rejects` found, as `plan` does; their ids."""
    made = []
    for source in dict.fromkeys(rows["source"].to_pylist()):
        objects = rows.filter(pa.compute.equal(rows["source"], source)).select(PLANNED.names)
        before = {uri: known.said for uri, known in known_of(root, objects["uri"].to_pylist()).items()}
        objects = described(objects, Describer(settings, prefix_of(source)), before)
        for part in cut(objects, by, settings.batch_size, int(settings.batch_bytes)):
            made.append(add_batch(root, source, part, frozen))
    return made


_REJECTS = """
    SELECT o.object_id, o.uri, o.version, o.pass, o.byte_size, o.modified_at, b.source
    FROM objects o
    JOIN (SELECT batch_id, source, "at" AS planned_at FROM batches WHERE event = 'planned') b USING (batch_id)
    WHERE o.outcome = 'reject' AND NOT (o.reason = 'discarded' AND o.content_id IS NOT NULL)
    AND o.reason <> 'forgotten'
    AND (? IS NULL OR o.reason = ?) AND b.planned_at::DATE >= ?::DATE
    ORDER BY o.uri"""
