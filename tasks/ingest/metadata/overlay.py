"""Overlay: what the plan of a batch says of its files, laid over what their bytes say; and the rows to record it."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.metadata.describe import account_of
from tasks.ingest.metadata.said import Account, Known, as_row, changes, counted, findings, known_of
from tasks.store.root import Root
from tasks.store.schema import FINDINGS, METADATA
from tasks.store.table import Table

_LAID_OVER = ("sensor_id", "sequence_id", "captured_at", "lat", "lon", "metadata")
_CHUNK = 20_000


def overlaid(staged: pa.Table, planned: pa.Table) -> pa.Table:
    """Rows of objects and frames, known by object_id, with what the plan says of their files laid over them."""
    told = planned.filter(pc.is_valid(planned["said"])).select(["object_id", "said"]).to_pylist()
    if not told:
        return staged
    said = {row["object_id"]: as_row(counted(json.loads(row["said"]))) for row in told}
    rows = staged.select(["object_id", "frame_time_s", *_LAID_OVER]).to_pylist()
    laid = [_laid_over(row, said.get(row["object_id"])) for row in rows]
    for name in _LAID_OVER:
        field = staged.schema.field(name)
        column = pa.array([row[name] for row in laid], field.type)
        staged = staged.set_column(staged.schema.get_field_index(name), field, column)
    return staged


def rows_to_record(
    root: Root, planned: pa.Table, planned_at: datetime, samples: Mapping[str, str]
) -> Iterator[tuple[Table, pa.Table]]:
    """Rows of metadata and findings about the files of a batch, for its commit.

    Args:
        root: where the dataset is.
        planned: the plan.
        planned_at: when it was made: what was recorded since is newer than what it says.
        samples: the sample of each file, where there is one.
    """
    told = planned.filter(pc.is_valid(planned["said"]))
    now = datetime.now(UTC)
    for start in range(0, len(told), _CHUNK):
        accounts = {row["uri"]: account_of(row) for row in told.slice(start, _CHUNK).to_pylist()}
        known = known_of(root, accounts)
        current = {uri: _newest(account, known.get(uri), planned_at) for uri, account in accounts.items()}
        recorded = {uri: account for uri, account in current.items() if uri in known or _says_more_than_path(account)}
        for table, rows in (
            (METADATA, changes(recorded, known, now)),
            (FINDINGS, findings(current, samples, now)),
        ):
            if len(rows):
                yield table, rows


def _laid_over(row: dict[str, Any], said: dict[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return row
    into = timedelta(seconds=row["frame_time_s"] or 0)
    taken = said["captured_at"] + into if said["captured_at"] else row["captured_at"] or said["captured_on"]
    own = json.loads(row["metadata"] or "{}")
    stated = {name: said[name] if said[name] is not None else row[name] for name in _LAID_OVER}
    return {**stated, "captured_at": taken, "metadata": json.dumps({**own, **json.loads(said["metadata"])})}


def _newest(account: Account, known: Known | None, planned_at: datetime) -> Account:
    if known is None or known.created_at <= planned_at:
        return account
    doubts = [doubt for doubt in account.doubts if doubt.kind != "metadata_missing" or not known.has(doubt.origin)]
    return Account({**account.said, **known.said}, doubts, known.sidecar_version or account.sidecar_version)


def _says_more_than_path(account: Account) -> bool:
    return bool(account.sidecar_version) or any(origin != "path" for origin in account.said)
