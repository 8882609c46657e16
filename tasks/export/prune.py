"""Advice on what the source need not keep: exact copies, duplicates and rejects. Winnow deletes no source file."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from pyarrow import csv

from tasks.progress import advance
from tasks.store import views
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.storage import storage_for

LOOKS_AT_ONCE = 32
"""Originals looked up at the same time."""


def unneeded(root: Root) -> pa.Table:
    """Source files that nothing needs: uri, byte_size, why, kept_uri; by URI.

    A file is named only if no object that was ever seen at its URI is needed: a video, a sample that is kept, selected,
    labelled or tagged, or a file that is still to be read. A copy or a duplicate is named only while the original that
    stays in its place is there, unchanged.
    """
    found = views.connect(root).sql(_UNNEEDED).to_arrow_table()
    stays = list(zip(found["kept_uri"].to_pylist(), found["kept_version"].to_pylist(), strict=True))
    originals = [one for one in dict.fromkeys(stays) if one[0] is not None]
    advance("look up", 0, len(originals))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        there = dict(zip(originals, threads.map(lambda one: _is_there(*one), originals), strict=True))
    safe = pa.array([there.get(one, True) for one in stays], pa.bool_())
    return found.filter(safe).drop_columns(["kept_version"])


def _is_there(uri: str, version: str) -> bool:
    advance("look up", 1)
    try:
        return storage_for(uri).stat(uri).version == version
    except Unreachable:
        return False


def totals(found: pa.Table) -> dict[str, tuple[int, int]]:
    """Files and bytes by reason."""
    counted = found.group_by("why").aggregate([("uri", "count"), ("byte_size", "sum")]).sort_by("why").to_pylist()
    return {row["why"]: (row["uri_count"], row["byte_size_sum"] or 0) for row in counted}


def told_as_csv(found: pa.Table, place: str) -> None:
    """Write the advice as CSV. Raises UsageError where that cannot be done."""
    try:
        csv.write_csv(found, place)
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error}): name another file.") from error


_UNNEEDED = """
    WITH wanted AS (
        SELECT sample_id FROM samples WHERE sample_id NOT IN (SELECT sample_id FROM duplicates)
        UNION SELECT sample_id FROM selections UNION SELECT sample_id FROM labels UNION SELECT sample_id FROM tags),
    originals AS (
        SELECT uri, version, content_id, sample_id, outcome = 'video' OR sample_id IN (FROM wanted) AS is_wanted
        FROM objects WHERE outcome IN ('sample', 'video')),
    needed AS (
        SELECT uri FROM originals WHERE is_wanted
        UNION SELECT uri FROM objects WHERE outcome NOT IN ('sample', 'copy', 'video', 'reject')
        UNION SELECT uri FROM objects WHERE reason = 'unreachable'),
    now AS (
        SELECT * FROM objects WHERE uri NOT IN (FROM needed)
        QUALIFY row_number() OVER (PARTITION BY uri ORDER BY modified_at DESC, version DESC) = 1)
    SELECT n.uri, n.byte_size,
        CASE WHEN n.outcome = 'reject' THEN 'reject: ' || n.reason
             WHEN same.is_wanted THEN 'exact copy'
             ELSE d.kind || ' duplicate' END AS why,
        CASE WHEN n.outcome <> 'reject' THEN CASE WHEN same.is_wanted THEN same.uri ELSE kept.uri END END AS kept_uri,
        CASE WHEN n.outcome <> 'reject' THEN CASE WHEN same.is_wanted THEN same.version ELSE kept.version END END
            AS kept_version
    FROM now n
    LEFT JOIN originals same ON n.outcome <> 'reject' AND same.content_id = n.content_id
    LEFT JOIN duplicates d ON d.sample_id = same.sample_id
    LEFT JOIN originals kept ON kept.sample_id = d.kept_id
    WHERE n.outcome = 'reject' OR same.is_wanted OR kept.uri IS NOT NULL
    ORDER BY n.uri"""
