"""Sidecars: JSON files beside the images. A broken one is a finding, never an error."""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store.errors import Unreachable
from tasks.store.storage import storage_for

MAX_BYTES = 65_536
"""Larger sidecars are not read: they are something else."""

_READERS = 16


@dataclass(frozen=True)
class Sidecar:
    """What one sidecar says.

    Attributes:
        version: of the sidecar; None if it could not be reached now, so that it is read again.
        values: by key, as they stand there.
        wrong: why nothing of it counts, in words; empty if all is well.
    """

    version: str | None
    values: dict[str, Any]
    wrong: str = ""


def names_beside(uri: str, ending: str) -> tuple[str, str]:
    """The URIs that the sidecar of a file may have."""
    return f"{uri}{ending}", re.sub(r"\.[^./]*$", "", uri) + ending


def beside(uris: pa.Array, sidecars: pa.Table, ending: str) -> pa.Array:
    """For each file the row of its sidecar in a listing, `a.jpg.json` before `a.json`; null where there is none."""
    listed = sidecars["uri"].combine_chunks()
    whole = pc.index_in(pc.binary_join_element_wise(uris, ending, ""), value_set=listed)
    stems = pc.replace_substring_regex(uris, pattern=r"\.[^./]*$", replacement="")
    return pc.coalesce(whole, pc.index_in(pc.binary_join_element_wise(stems, ending, ""), value_set=listed))


def read_sidecars(rows: Sequence[dict[str, Any]]) -> Iterator[Sidecar]:
    """Read sidecars side by side, in the order of their rows in a listing."""
    with ThreadPoolExecutor(_READERS) as readers:
        yield from readers.map(_read, rows)


def _read(row: dict[str, Any]) -> Sidecar:
    version = row["version"]
    if row["byte_size"] > MAX_BYTES:
        return Sidecar(version, {}, f"the sidecar has {row['byte_size']} bytes, more than {MAX_BYTES}")
    try:
        stated = json.loads(storage_for(row["uri"]).read(row["uri"], version))
    except Unreachable:
        return Sidecar(None, {})
    except (ValueError, RecursionError) as error:
        return Sidecar(version, {}, f"the sidecar is no JSON: {' '.join(str(error).split())[:200]}")
    if not isinstance(stated, dict):
        return Sidecar(version, {}, "the sidecar holds no names and values")
    return Sidecar(version, stated)
