"""Groups: what belongs to one recording, or repeats one picture, is one.

A sample that is on its own and repeats another one is in the group of that one. One that has a recording of its own
stays in it, and is *tied* to the group of what it repeats: it may be learned from only where both are on one side.
"""

from collections.abc import Iterable
from typing import TypeVar

import pyarrow as pa
from blake3 import blake3

from tasks.store import views
from tasks.store.errors import UsageError
from tasks.store.ids import json_path
from tasks.store.root import Root
from tasks.store.schema import SAMPLES

Member = TypeVar("Member", str, tuple[int, str])

GROUPED = pa.schema([("sample_id", pa.string()), ("group", pa.string()), ("tied", pa.string())])


def groups_of(root: Root, group_by: str | None = None) -> pa.Table:
    """The group of every sample, and the other group that it is tied to, if there is one; see GROUPED.

    Args:
        root: where the dataset is.
        group_by: column of samples, or key of their metadata, of which a group has all samples with one value; where
            recordings have several values, these are one group.

    Raises:
        UsageError: no sample has anything under `group_by`.
    """
    found = views.connect(root).sql(_SQL.format(by=_value_of(group_by)), params=_parameters(group_by)).to_arrow_table()
    columns = [found[name].to_pylist() for name in ("by", "recording", "kept_by", "kept_recording")]
    if group_by and len(found) and not any(columns[0]):
        raise UsageError(f"learn.split.group_by is {group_by}, and no sample has a column or metadata of that name.")
    both = {pair for pair in zip(*columns[:2], strict=True) if None not in pair}
    joined = united((_by(by), _recorded(recording)) for by, recording in both)
    groups, tied = [], []
    ids, kept = found["sample_id"].to_pylist(), found["kept_id"].to_pylist()
    for sample, by, recording, kept_by, kept_recording, kept_id in zip(ids, *columns, kept, strict=True):
        there = _first(joined, kept_by, kept_recording) or kept_id
        group = _first(joined, by, recording) or there or sample
        groups.append(group)
        tied.append(there if there != group else None)
    return pa.table([found["sample_id"], groups, tied], schema=GROUPED)


def united(sets: Iterable[Iterable[Member]]) -> dict[Member, Member]:
    """For each member of sets, of which some overlap, the smallest of all that it is together with."""
    from scipy.cluster.hierarchy import DisjointSet

    joined = DisjointSet()
    for first, *others in sets:
        joined.add(first)
        for other in others:
            joined.add(other)
            joined.merge(first, other)
    found: dict[Member, Member] = {}
    for together in joined.subsets():
        found |= dict.fromkeys(together, min(together))
    return found


def drawn(group: str, share: float, purpose: str) -> bool:
    """Whether a group is among the share that is drawn for a purpose: by its id alone, so it is never asked twice."""
    return place_of(group, purpose) < share


def place_of(group: str, purpose: str) -> float:
    """A place from 0 to 1 that the group has for that purpose, as if by chance."""
    return int.from_bytes(blake3(f"{purpose}\0{group}".encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64


_SQL = """
    WITH own AS (
        SELECT s.sample_id, {by} AS by, coalesce(s.sequence_id, s.video_uri) AS recording, d.kept_id
        FROM samples s LEFT JOIN duplicates d USING (sample_id))
    SELECT o.*, k.by AS kept_by, k.recording AS kept_recording
    FROM own o LEFT JOIN own k ON k.sample_id = o.kept_id ORDER BY o.sample_id"""


def _value_of(group_by: str | None) -> str:
    if group_by is None:
        return "NULL::VARCHAR"
    held = f's."{group_by}"::VARCHAR' if group_by in SAMPLES.schema.names else "json_extract_string(s.metadata, ?)"
    return f"? || {held}"


def _parameters(group_by: str | None) -> list[str]:
    if group_by is None:
        return []
    return [f"{group_by}=", *([] if group_by in SAMPLES.schema.names else [json_path(group_by)])]


def _by(value: str) -> tuple[int, str]:
    """A value that groups, where recordings are joined to values: it comes before them, so it names the group."""
    return 0, value


def _recorded(recording: str) -> tuple[int, str]:
    return 1, recording


def _first(joined: dict[tuple[int, str], tuple[int, str]], by: str | None, recording: str | None) -> str | None:
    if by is None and recording is None:
        return None
    one = _by(by) if by is not None else _recorded(str(recording))
    return joined.get(one, one)[1]
