"""Staging: what stages left there of forgotten samples goes; what an open batch needs for it is made again."""

import urllib.parse
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from tasks.forget.mentions import Mentions
from tasks.forget.scrub import without_rows
from tasks.store import staging
from tasks.store.errors import UsageError
from tasks.store.log import STAGES, Log, read_log
from tasks.store.plans import plan_uri
from tasks.store.root import Root
from tasks.store.storage import Entry

STAGE = "forget"

_LISTS = ("plan.parquet", "members.parquet")
"""What a batch is made of; everything else that its stages left can be made again."""


def refuse_planned(root: Root, uris: Iterable[str]) -> None:
    """Raise UsageError if a batch that is not taken in yet has one of the files: its boundaries never change."""
    wanted = pa.array(list(uris), pa.string())
    for batch in read_log(root).open_batches:
        plan = (
            staging.read_rows(root, plan_uri(root, batch.batch_id), ["uri"]) if batch.next_stage == "ingest" else None
        )
        if plan is not None and pc.any(pc.is_in(plan["uri"], value_set=wanted)).as_py():
            settle = "`winnow release` or `winnow discard` it" if batch.held else "`winnow run` goes on with it"
            raise UsageError(
                f"{batch.batch_id} has one of these files and is not taken in yet: {settle}, then forget again. "
                "Nothing was forgotten."
            )


def erase_staged(root: Root, mentions: Mentions) -> int:
    """Remove or rewrite staged files, damaged ones too; how many. No other run is at work, and no commit is begun.

    Of what is done everything goes, and of what no batch knows. Batches before ingest lose the shards that hold
    something forgotten, later ones all that their stages left; selections, labels, snapshots and models only rows.
    """
    log = read_log(root)
    changed = 0
    for entry in [one for one in root.storage.list(root.at("staging")) if isinstance(one, Entry)]:
        batch, *rest = urllib.parse.unquote(entry.uri.removeprefix(root.at("staging") + "/")).split("/")
        kind = _kind(log, batch, rest)
        if kind == "stays":
            continue
        rows = None if kind == "goes" else staging.read_rows(root, entry.uri)
        left = None if rows is None else without_rows(rows, mentions)
        if rows is None or left is None or (kind == "remade" and len(left) < len(rows)):
            root.storage.delete(entry.uri)
        elif len(left) < len(rows):
            staging.write_rows(root, entry.uri, left)
        else:
            continue
        changed += 1
    return changed


def _kind(log: Log, batch: str, rest: list[str]) -> str:
    """What to do with a staged file: it stays, goes, is made again if it holds something forgotten, or loses rows."""
    known = log.batches.get(batch)
    if known is None or known.next_stage is None:
        return "goes"
    if known.planned.stage == STAGE:
        return "stays"
    if known.next_stage == "ingest":
        return "stays" if rest[-1] in _LISTS else "remade"
    if known.next_stage in STAGES:
        return "loses rows" if rest[-1] in _LISTS else "goes"
    return "loses rows"
