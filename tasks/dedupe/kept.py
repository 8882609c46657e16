"""The hashes of all kept samples, kept in one file, so that a batch reads from the tables only what came since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.store import staging
from tasks.store.kept import kept_in
from tasks.store.log import Log
from tasks.store.root import Root

_REWRITE_SHARE = 0.25
"""The file is written anew when what came since is this share of it."""


@dataclass(frozen=True)
class Kept:
    """Kept samples in the order in which they were committed: (n, 32) uint8 hashes of both kinds, and ids."""

    phashes: NDArray[np.uint8]
    ringhashes: NDArray[np.uint8]
    ids: "Ids"


class Ids(Sequence[str]):
    """Sample ids that stay in Arrow until one is asked for."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        found: str | list[str] = (
            self.column[place].as_py() if isinstance(place, int) else self.column[place].to_pylist()
        )
        return found


def kept_samples(root: Root, log: Log) -> Kept:
    """Hashes of the samples that dedupe kept in the batches where it is committed.

    What turned out to be a semantic duplicate later is among them, so that they are the same whenever the file was
    written.
    """
    visible = log.visible("dedupe")
    base, covered = _read(root, visible)
    since = [batch for batch in visible if batch not in covered]
    came = kept_in(root, log, since, ["phash", "ringhash"]).cast(_SCHEMA)
    rows = pa.concat_tables([base, came])
    if len(came) > _REWRITE_SHARE * len(base):
        marked = rows.replace_schema_metadata({"batches": "\n".join(visible)})
        staging.write_rows(root, _location(root), marked)
    return Kept(unpacked(rows["phash"]), unpacked(rows["ringhash"]), Ids(rows["sample_id"]))


def unpacked(hashes: pa.ChunkedArray) -> NDArray[np.uint8]:
    """A column of hashes as (n, 32) uint8, where they lie."""
    packed = hashes.cast(_HASH).combine_chunks()
    end = packed.offset + len(packed)
    flat = np.frombuffer(packed.buffers()[1] or b"", np.uint8, count=end * _HASH.byte_width)
    return flat.reshape(end, _HASH.byte_width)[packed.offset :]


_HASH = pa.binary(32)
_SCHEMA = pa.schema([("sample_id", pa.string()), ("phash", _HASH), ("ringhash", _HASH)])


def _read(root: Root, visible: list[str]) -> tuple[pa.Table, set[str]]:
    """The file and the batches in it; nothing if one of them was discarded since."""
    rows = staging.read_rows(root, _location(root))
    covered = set((rows.schema.metadata or {}).get(b"batches", b"").decode().split("\n")) if rows else set()
    if rows is None or not covered <= set(visible):
        return _SCHEMA.empty_table(), set()
    return rows.replace_schema_metadata(None), covered


def _location(root: Root) -> str:
    return root.at("indexes", "perceptual.parquet")
