"""Plan a backfill: what a source holds and nobody took in yet, in manifests of so many objects each.

The plan is kept in the root until all of it is done, so the same command again goes on with it and doubles nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import Settings
from tasks.ingest.forgotten import not_forgotten
from tasks.ingest.manifest import names_in, write_manifest
from tasks.ingest.metadata.sidecars import names_beside
from tasks.ingest.plan import unknown
from tasks.ingest.retry import open_again, rejects
from tasks.ingest.source import Listing, list_source
from tasks.store.errors import Unreachable, UsageError
from tasks.store.ids import object_id
from tasks.store.log import read_log
from tasks.store.plans import PLANNED
from tasks.store.root import WAITING, Root, locked, open_root


@dataclass(frozen=True)
class Asked:
    """What a backfill is to take.

    Attributes:
        source: its URI.
        since: files changed at this time or later, as 2026-05-31 or 2026-05-31T12:00; UTC if it names no zone.
        until: files changed before this time.
        chunk: objects in a run at most.
        force: open rejects again too.
    """

    source: str
    since: str | None = None
    until: str | None = None
    chunk: int = 50_000
    force: bool = False


@dataclass(frozen=True)
class Chunk:
    """The objects of one run: its manifest (none in a dry run), how many, their bytes, and when they changed."""

    manifest: str | None
    objects: int
    byte_size: int
    oldest: float
    newest: float


@dataclass(frozen=True)
class Backfill:
    """What is to be done.

    Attributes:
        chunks: in order.
        known: files listed that are taken in already, or are under way.
        again: this goes on with a plan that was made before.
    """

    chunks: list[Chunk]
    known: int
    again: bool = False

    @property
    def objects(self) -> int:
        """All objects."""
        return sum(chunk.objects for chunk in self.chunks)


def plan_backfill(settings: Settings, asked: Asked, *, dry_run: bool = False) -> Backfill:
    """List the source, leave out what is known, and write a manifest a chunk; or go on with what was planned.

    Args:
        settings: of the root.
        asked: what to take.
        dry_run: write nothing.

    Raises:
        UsageError: the source is not there or cannot be read, or a time is none.
    """
    since, until = _moment(asked.since), _moment(asked.until)
    root = Root(settings.root_uri) if dry_run else open_root(settings.root_uri, create=True)
    listing = list_source(
        asked.source, settings.ingest.include, leave_out=root.uri, sidecar=settings.ingest.metadata.sidecar
    )
    fresh = unknown(root, not_forgotten(root, listing.files))
    left = _left(root, _read(root, asked), fresh)
    if left:
        return Backfill(left, len(listing.files) - len(fresh), again=True)
    wanted = _within(pa.concat_tables([fresh, _rejected(root, listing)]) if asked.force else fresh, since, until)
    parts = [wanted.slice(start, asked.chunk) for start in range(0, len(wanted), asked.chunk)]
    chunks = [_as_chunk(part) for part in parts]
    if not dry_run:
        sidecars = frozenset(listing.sidecars["uri"].to_pylist())
        manifests = [_write(root, asked.source, settings, sidecars, part) for part in parts]
        if asked.force:
            _open_again(root, settings, dict(zip(manifests, parts, strict=True)))
        chunks = [replace(chunk, manifest=place) for chunk, place in zip(chunks, manifests, strict=True)]
        root.storage.write(_record(root, asked), json.dumps([asdict(chunk) for chunk in chunks]).encode())
    return Backfill(chunks, len(listing.files) - len(fresh))


def _left(root: Root, chunks: list[Chunk], fresh: pa.Table) -> list[Chunk]:
    """Of planned chunks those of which something is not done."""
    waiting = set(fresh["uri"].to_pylist())
    open_ones = {batch.planned.source for batch in read_log(root).open_batches}

    def is_left(manifest: str) -> bool:
        try:
            return manifest in open_ones or not waiting.isdisjoint(names_in(manifest))
        except UsageError:  # somebody removed it: what it named is planned anew
            return False

    return [chunk for chunk in chunks if is_left(str(chunk.manifest))]


def _read(root: Root, asked: Asked) -> list[Chunk]:
    try:
        return [Chunk(**one) for one in json.loads(root.storage.read(_record(root, asked)))]
    except Unreachable:
        return []


def _record(root: Root, asked: Asked) -> str:
    """Where the plan of a backfill is kept."""
    name = hashlib.blake2b(json.dumps(asdict(asked)).encode(), digest_size=10).hexdigest()
    return root.at("manifests", "backfill", f"{name}.json")


def _within(objects: pa.Table, since: datetime | None, until: datetime | None) -> pa.Table:
    """Objects as PLANNED that changed in a time, in the order of their URIs."""
    stamp = pa.timestamp("us", tz="UTC")
    if since:
        objects = objects.filter(pc.greater_equal(objects["modified_at"], pa.scalar(since, stamp)))
    if until:
        objects = objects.filter(pc.less(objects["modified_at"], pa.scalar(until, stamp)))
    return objects.sort_by("uri")


def _rejected(root: Root, listing: Listing) -> pa.Table:
    """The rejects among the files of a listing, on their next pass."""
    found = rejects(root, None, None).select(PLANNED.names)
    pairs = zip(listing.files["uri"].to_pylist(), listing.files["version"].to_pylist(), strict=True)
    listed = {object_id(uri, version, 0) for uri, version in pairs}
    pairs = zip(found["uri"].to_pylist(), found["version"].to_pylist(), strict=True)
    return found.filter(pa.array([object_id(uri, version, 0) in listed for uri, version in pairs], pa.bool_()))


def _open_again(root: Root, settings: Settings, parts: dict[str, pa.Table]) -> None:
    """Plan the batches of rejects, so that the runs of their manifests find them."""
    for manifest, part in parts.items():
        again = part.filter(pc.and_(pc.greater(part["pass"], 0), pc.equal(part["deferrals"], 0)))
        if len(again):
            rows = again.append_column("source", pa.repeat(manifest, len(again)))
            with locked(root, WAITING):
                open_again(root, rows, settings.ingest, settings.frozen(), settings.gates.ingested.by)


def _as_chunk(part: pa.Table) -> Chunk:
    changed = pc.min_max(part["modified_at"]).as_py()
    total = pc.sum(part["byte_size"]).as_py() or 0
    return Chunk(None, len(part), total, changed["min"].timestamp(), changed["max"].timestamp())


def _write(root: Root, source: str, settings: Settings, sidecars: Set[str], part: pa.Table) -> str:
    """The manifest of a chunk, with the sidecars of its files; another pass makes another one."""
    uris, mark = part["uri"].to_pylist(), hashlib.blake2b("".join(part["object_id"].to_pylist()).encode())
    return write_manifest(
        root,
        "backfill",
        below=source,
        uris=[*uris, *_sidecars(uris, settings.ingest.metadata.sidecar, sidecars)],
        mark=mark.hexdigest()[:20],
    )


def _sidecars(uris: list[str], ending: str | None, there: Set[str]) -> Iterator[str]:
    if ending:
        yield from (name for uri in uris for name in names_beside(uri, ending) if name in there)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write it as 2026-05-31 or 2026-05-31T12:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
