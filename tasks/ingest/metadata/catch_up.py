"""Catch up: metadata that came or changed after its image; read, and recorded, without reading the image again."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.metadata.describe import Describer
from tasks.ingest.metadata.joined import Joined, read_joined, state_joined
from tasks.ingest.metadata.said import Account, changes, findings, known_of
from tasks.ingest.metadata.sidecars import beside
from tasks.ingest.settings import IngestSettings
from tasks.store import staging, tables, views
from tasks.store.commit import write
from tasks.store.errors import Unreachable, UsageError
from tasks.store.ids import make_id
from tasks.store.log import read_log
from tasks.store.plans import plan_uri
from tasks.store.root import Root
from tasks.store.schema import FINDINGS, METADATA, OBJECTS

_CHUNK = 20_000


def catch_up(root: Root, source: str, files: pa.Array, describer: Describer) -> int:
    """Record what is said now of files that are known; how many rows that made. Nothing changed, nothing is read.

    Args:
        root: where the dataset is.
        source: its URI.
        files: URIs of the files there that are known; others are described when they are planned.
        describer: says what is said.

    Raises:
        UsageError: the joined file is not there, or is none.
    """
    settings = describer.settings
    if not settings.metadata.given:
        return 0
    now, then = _stamp(settings), _last_seen(root, source)
    by_other_rules = now["settings"] != then.get("settings")
    made = _changed_sidecars(root, files, describer, every=by_other_rules)
    if now == then:
        return made
    known = _known_uris(root)
    if by_other_rules:
        made += _changed_paths(root, known, describer, then.get("settings", {}))
    if describer.joined:
        made += _changed_rows(root, _place(root, source, "parquet"), known, describer, every=by_other_rules)
    root.storage.write(_place(root, source, "json"), json.dumps(now).encode())
    return made


def import_joined(root: Root, file: str, on: str | None, settings: IngestSettings, prefix: str) -> tuple[int, int]:
    """Join a file to what is known, once: how many files it names, and how many rows of metadata that made.

    Raises:
        UsageError: it cannot be read, is no CSV and no Parquet, or names no file that is known.
    """
    joined = read_joined(file, on)
    describer = Describer(settings, prefix)
    found = _named(describer, joined, _known_uris(root))
    if not found:
        raise UsageError(
            f"{joined.name} names none of the files that are known, by name, path or URI; --on names the column."
        )
    return len(found), _record(root, describer, found, path=False, join=joined)


def _changed_sidecars(root: Root, files: pa.Array, describer: Describer, *, every: bool) -> int:
    """Read the sidecars that have another version than the one that was read."""
    ending, sidecars = describer.settings.metadata.sidecar, describer.sidecars
    if ending is None or sidecars is None or not len(sidecars):
        return 0
    versions = sidecars["version"].take(beside(files, sidecars, ending)).combine_chunks()
    changed = pc.is_valid(versions)
    if not every:
        changed = pc.and_(changed, pc.fill_null(pc.not_equal(versions, _versions_read(root, files)), True))
    return _record(root, describer, files.filter(changed).to_pylist(), path=False, sidecars=True)


def _versions_read(root: Root, files: pa.Array) -> pa.Array:
    """The version of each file's sidecar that was read last, for a plan that is open or before; null if none was."""
    newest = views.connect(root).sql("SELECT uri, sidecar_version FROM metadata").to_arrow_table()
    found = [newest, *_open_plans(root, ["uri", "sidecar_version"])]
    places = [pc.index_in(files, value_set=part["uri"].combine_chunks()) for part in found]
    return pc.coalesce(
        *(part["sidecar_version"].combine_chunks().take(place) for part, place in zip(found, places, strict=True))
    )


def _changed_paths(root: Root, known: list[str], describer: Describer, stated: dict[str, Any]) -> int:
    """Record what the paths say by a template that is new or another than the one that was `stated`."""
    if describer.settings.metadata.path is None:
        return 0
    before = Describer(IngestSettings(**stated), describer.prefix)
    below = [uri for uri in known if uri.startswith(describer.prefix)]
    made = 0
    for uris in _chunks(below):
        told, now = before.accounts(uris), describer.accounts(uris)
        made += _record(root, describer, [uri for uri in uris if told[uri] != now[uri]])
    return made


def _changed_rows(root: Root, place: str, known: list[str], describer: Describer, *, every: bool) -> int:
    """Record what those rows of the joined file say that are new, or others than when it was read last."""
    joined = describer.joined
    assert joined is not None
    digests = joined.digests()
    seen = None if every else staging.read_rows(root, place)
    if seen is None:
        concerned = known  # those that no row names, too: that is a finding
    else:
        new = pc.invert(pc.is_in(digests, value_set=seen["digest"].combine_chunks()))
        part = Joined(joined.name, joined.on.filter(new), joined.rows.filter(new))
        concerned = _named(describer, part, known)
    made = _record(root, describer, concerned, path=False, join=joined)
    staging.write_rows(root, place, pa.table({"digest": digests}))
    return made


def _record(
    root: Root,
    describer: Describer,
    uris: list[str],
    *,
    path: bool = True,
    join: Joined | None = None,
    sidecars: bool = False,
) -> int:
    """Write findings, then rows of metadata of files, by which they count as read; how many of these that were."""
    made = 0
    for part in _chunks(uris):
        accounts = describer.accounts(part, path=path, join=join)
        if sidecars:
            describer.add_sidecars(accounts)
        now = datetime.now(UTC)
        doubts = findings(accounts, _samples_of(root, accounts), now)
        if len(doubts):
            write(root, FINDINGS.name, doubts)
        made += _write(root, accounts, now)
    return made


def _write(root: Root, accounts: Mapping[str, Account], now: datetime) -> int:
    """Insert what changed, again and again while somebody else inserts about the same files."""
    made = 0
    while True:
        rows = changes(accounts, known_of(root, accounts), now)
        written = write(root, METADATA.name, rows) if len(rows) else 0
        made += written
        if written == len(rows):
            return made


def _samples_of(root: Root, accounts: Mapping[str, Account]) -> dict[str, str]:
    dataset = tables.open_table(root, OBJECTS.name)
    doubtful = pa.array([uri for uri, account in accounts.items() if account.doubts], pa.string())
    if dataset is None or not len(doubtful):
        return {}
    rows = dataset.scanner(columns=["uri", "sample_id"], filter=pc.field("uri").isin(doubtful)).to_table()
    return dict(zip(rows["uri"].to_pylist(), rows["sample_id"].to_pylist(), strict=True))


def _known_uris(root: Root) -> list[str]:
    """URIs of all objects, of those in open plans too; not of what was forgotten, which has none."""
    dataset = tables.open_table(root, OBJECTS.name)
    parts = [] if dataset is None else [dataset.scanner(columns=["uri"]).to_table()]
    parts = [part["uri"].combine_chunks() for part in [*parts, *_open_plans(root, ["uri"])]]
    uris: list[str] = pc.unique(pa.chunked_array(parts, pa.string())).drop_null().to_pylist()
    return uris


def _open_plans(root: Root, columns: list[str]) -> list[pa.Table]:
    waiting = [batch.batch_id for batch in read_log(root).open_batches if batch.next_stage == "ingest"]
    plans = [staging.read_rows(root, plan_uri(root, name), columns) for name in waiting]
    return [plan for plan in plans if plan is not None]


def _named(describer: Describer, joined: Joined, uris: list[str]) -> list[str]:
    places = joined.find(uris, [describer.key(uri) for uri in uris])
    return [uri for uri, place in zip(uris, places, strict=True) if place.is_valid]


def _chunks(uris: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(uris), _CHUNK):
        yield uris[start : start + _CHUNK]


def _stamp(settings: IngestSettings) -> dict[str, Any]:
    """What the metadata of known files rests on, but for sidecars."""
    join = settings.metadata.join
    names = {"metadata", "keep_gps", "timezone"}
    stamp = {"settings": settings.model_dump(mode="json", include=names)}
    return stamp | ({"join": state_joined(join).version} if join else {})


def _last_seen(root: Root, source: str) -> dict[str, Any]:
    try:
        seen: dict[str, Any] = json.loads(root.storage.read(_place(root, source, "json")))
    except (Unreachable, ValueError):
        return {}
    return seen


def _place(root: Root, source: str, ending: str) -> str:
    return root.at("metadata", f"{make_id(source)}.{ending}")
