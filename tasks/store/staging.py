"""Staging: where a stage leaves its rows until the gate has judged them. One file a shard, checksummed, immutable."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.store.errors import StagedAwayError, Unreachable, WinnowError
from tasks.store.root import Root
from tasks.store.storage import in_bucket


@dataclass(frozen=True)
class Staged:
    """What a stage left in staging for its gate to judge.

    Attributes:
        subject: batch or selection.
        stage: the stage that made it.
        rows_uri: the rows to judge, without pixels and vectors.
        facts: figures of the whole that the gate compares.
        fingerprint: hash of what was staged; the same rows give the same verdict.
    """

    subject: str
    stage: str
    rows_uri: str
    facts: dict[str, Any]
    fingerprint: str


def settings_hash(*settings: Any) -> str:
    """Hash of settings (anything JSON can hold), 16 hex digits: the same settings, the same hash."""
    canonical = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def shard_uri(root: Root, batch_id: str, stage: str, version: str, shard: int) -> str:
    """Where one shard lies; `version` is the hash of the settings and the code version that made it."""
    return root.at("staging", batch_id, stage, version, f"{shard:06d}.parquet")


def shard_uris(root: Root, batch_id: str, stage: str, version: str, rows: int, shard_size: int) -> list[str]:
    """Where all shards of a stage lie, for so many rows: what should be there, so that a missing one is noticed."""
    return [shard_uri(root, batch_id, stage, version, shard) for shard in range(-(-rows // shard_size))]


def write_rows(root: Root, uri: str, rows: pa.Table) -> None:
    """Write rows as Parquet with a checksum on every page, in one step."""
    write_parts(root, uri, rows.schema, [rows])


def write_parts(root: Root, uri: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Write rows that come in parts, each encoded while the next is made; the file appears whole, after the last."""
    sink = pa.BufferOutputStream()
    encoding = {"compression": "none", "use_dictionary": False, "write_statistics": False, "write_page_checksum": True}
    with pq.ParquetWriter(sink, schema, **encoding) as writer:
        for part in parts:
            writer.write_table(part)
    root.storage.write(uri, memoryview(sink.getvalue()))


def read_rows(root: Root, uri: str, columns: list[str] | None = None) -> pa.Table | None:
    """The rows of a staged file; None if it is not there or its checksums do not hold, so that it is made again.

    Raises:
        WinnowError: the bucket does not give it now, which says nothing about it.
    """
    try:
        content = root.storage.read(uri)
        return pq.read_table(pa.BufferReader(content), columns=columns, page_checksum_verification=True)
    except Unreachable as error:
        if in_bucket(uri) and error.reason != "not_found":
            raise WinnowError(f"{uri} cannot be read ({error.detail}); run the same command again.") from error
        return None
    except (pa.ArrowException, OSError):
        return None


def staged_uris(root: Root, *below: str) -> list[str]:
    """Staged files below staging/BELOW, in order."""
    found = root.storage.list(root.at("staging", *below))
    uris = [entry.uri for entry in found if not isinstance(entry, str)]
    return sorted(uri for uri in uris if uri.endswith(".parquet"))


def read_all(root: Root, uris: list[str], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of staged files, one file at a time. Raises StagedAwayError if one is missing or damaged."""
    for uri in uris:
        rows = read_rows(root, uri, columns)
        if rows is None:
            raise StagedAwayError(f"The staged file {uri} is missing or damaged; run the same command again.")
        yield rows


def forget(root: Root, *below: str) -> None:
    """Remove staged files that nothing needs any more."""
    root.storage.delete(root.at("staging", *below))
