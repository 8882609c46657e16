"""Forget: begin it, and carry it to its end, however often it is killed on the way."""

from dataclasses import asdict, dataclass, field

from tasks.forget.concern import Concern, Wish, as_rows, concern_of, from_rows
from tasks.forget.files import erase_files
from tasks.forget.mentions import Mentions
from tasks.forget.rows import count_rows, erase_rows
from tasks.forget.staged import STAGE, erase_staged, refuse_planned
from tasks.labels.forgotten import forget_in_snapshots, snapshots_without
from tasks.store import staging, tables
from tasks.store.errors import UsageError
from tasks.store.ids import batch_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema_tombstones import TOMBSTONES
from tasks.store.storage import in_bucket, to_uri
from tasks.store.tombstones import tombstones
from tasks.unit import unit


@dataclass(frozen=True)
class Erased:
    """What was forgotten, or would be.

    Attributes:
        batch: the event of the log that says who, when and why; empty if nothing was there to forget.
        samples: how many, frames among them.
        objects: files at their versions, copies among them.
        rows: by table.
        files: of the root that were removed, and that were written anew.
        snapshots: manifests of which only bare ids are left in part.
        models: versions that learned or predicted some of it; their weights stay as they are.
        unreached: what could not be asked to forget, in sentences; it is asked again.
        notes: what the user should know.
    """

    batch: str
    samples: int
    objects: int
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    snapshots: int = 0
    models: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def foresee(root: Root, wish: Wish) -> Erased:
    """What `forget` would erase; nothing is changed. Raises what `begin_forgetting` raises."""
    concern = _concern(root, wish)
    files = erase_files(root, Mentions(concern), dry_run=True)
    return Erased(
        batch="",
        samples=len(concern.samples),
        objects=len(concern.rows),
        rows=count_rows(root, concern),
        files={"removed": files.removed, "rewritten": files.rewritten},
        snapshots=len(snapshots_without(root, concern.samples)),
        models=sorted(files.models),
        notes=_notes(root),
    )


def begin_forgetting(root: Root, wish: Wish, note: str) -> str | None:
    """Record that this is to be forgotten: from here on it is, whatever happens; the event's batch.

    None if there is nothing of it any more. To be called with the locks of the root, after every commit was finished.

    Raises:
        UsageError: nothing was noted or asked for, the note names a file, there is no such sample or file, or a batch
            still has to read it.
    """
    if not note.strip():
        raise UsageError("Say why, in a word or two: --note is not to be empty.")
    concern = _concern(root, wish)
    if Mentions(concern).line(note):
        raise UsageError("The note stays on record for good: say why without the names of the files.")
    if not (concern.samples or concern.rows):
        return None
    name = batch_id("f", [*concern.samples, *concern.rows])
    staging.write_rows(root, _kept_uri(root, name), as_rows(concern))
    counts = {"samples": len(concern.samples), "objects": len(concern.rows)}
    hashes = snapshots_without(root, concern.samples)
    event = Event(name, "planned", STAGE, counts={**counts, "manifests": hashes}, note=note)
    record(root, lambda log: None if name in log.batches else event)
    return name


def begun(root: Root) -> list[str]:
    """What is to be forgotten and not erased yet, or not everywhere: oldest first."""
    log = read_log(root)
    return [name for name, batch in log.batches.items() if batch.planned.stage == STAGE and _waits(log, name)]


@unit("erase")
def erase_everywhere(root: str, batch: str) -> Erased:
    """Erase from all of the root what was begun to be forgotten. Done again after a crash, it goes on.

    To be called with the locks of the root, after every commit was finished.
    """
    opened = open_root(root)
    planned = read_log(opened).batches[batch].planned.counts
    kept = staging.read_rows(opened, _kept_uri(opened, batch))
    if kept is None:  # it went last: all else is done
        return Erased(batch, planned["samples"], planned["objects"])
    concern = from_rows(kept)
    _put_tombstones(opened, concern, batch)
    mentions = Mentions(concern)
    rows = erase_rows(opened, concern)
    staged = erase_staged(opened, mentions)
    snapshots = forget_in_snapshots(opened, concern.samples)
    files = erase_files(opened, mentions)
    return Erased(
        batch=batch,
        samples=planned["samples"],
        objects=planned["objects"],
        rows=rows,
        files={"removed": files.removed, "rewritten": files.rewritten, "staged": staged},
        snapshots=snapshots,
        models=sorted(files.models),
        notes=_notes(opened),
    )


def end_forgetting(root: Root, erased: Erased) -> None:
    """Record what was erased, and drop the list of what it was."""
    staging.forget(root, erased.batch)
    counts = {name: value for name, value in asdict(erased).items() if name not in ("batch", "notes")}
    record(
        root,
        lambda log: Event(erased.batch, "committed", STAGE, counts=counts) if _waits(log, erased.batch) else None,
    )


def _concern(root: Root, wish: Wish) -> Concern:
    if not (wish.samples or wish.uris or wish.where):
        raise UsageError("Say what to forget: --sample ID, --uri URI or --where CONDITION.")
    refuse_planned(root, map(to_uri, wish.uris))
    concern = concern_of(root, wish)
    refuse_planned(root, concern.uris)
    return concern


def _waits(log: Log, name: str) -> bool:
    """Whether something of it is not erased yet: here, or where nobody could be reached."""
    done = [event for event in log.batches[name].events if event.event == "committed"]
    return not done or bool(done[-1].counts.get("unreached"))


def _put_tombstones(root: Root, concern: Concern, batch: str) -> None:
    for rows in (
        tombstones("object", concern.objects, batch),
        tombstones("content", concern.contents, batch),
        tombstones("sample", concern.samples, batch),
    ):
        if len(rows):
            tables.insert(root, TOMBSTONES, rows)


def _kept_uri(root: Root, batch: str) -> str:
    """Where the list of what goes is kept until all is gone: names are in it."""
    return root.at("staging", batch, "forgotten.parquet")


def _notes(root: Root) -> list[str]:
    bucket = (
        "If the bucket keeps versions, older versions of the root's objects stay until its lifecycle rules remove them."
    )
    return [bucket] if in_bucket(root.uri) else []
