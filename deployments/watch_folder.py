"""Listen to a folder: files that stand still become micro-batches; a first run takes what came before."""

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deployments.batches import Desk, log, tell
from deployments.lost import LostRuns
from deployments.messages import Arrived
from deployments.start import start_curate
from tasks.store.errors import UsageError
from tasks.store.storage import shown, to_path, to_uri

TICK_MS = 500


@dataclass(frozen=True)
class Still:
    """How a file was when it was last looked at, and since when it is so; seconds of the epoch."""

    size: int
    changed_ns: int
    since: float


def watch_folder(desk: Desk) -> None:
    """Take batches from the folder until the listener shall end.

    Raises:
        UsageError: the folder cannot be watched.
    """
    from watchfiles import watch

    source, takes = desk.settings.source_uri, desk.taker()
    if not to_path(source).is_dir():
        raise UsageError(f"{shown(source)} is a list of files, which tells of nothing new: name a folder or a bucket.")
    waiting: dict[str, Still] = {}
    lost = LostRuns(desk)
    first = True
    try:
        for changes in watch(
            to_path(source),
            watch_filter=lambda _change, path: takes(to_uri(path)) or os.path.isdir(path),
            stop_event=desk.stop,
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            if first:  # what is listed from now on, and what is told from now on, is everything
                _take_what_is_there(desk)
                first = False
            desk.beat()
            lost.start_again()
            for path in _files(path for _, path in changes):
                if takes(to_uri(path)):
                    waiting[path] = _seen(path, waiting.get(path))
            _take_batches(desk, waiting)
    except OSError as error:
        raise UsageError(
            f"{shown(source)} cannot be watched ({error.strerror or error}); raise fs.inotify.max_user_watches, or set "
            "WATCHFILES_FORCE_POLLING=1 on a network drive."
        ) from error


def _take_what_is_there(desk: Desk) -> None:
    source, key = desk.settings.source_uri, uuid.uuid4().hex
    started = desk.patiently(lambda: start_curate(desk.settings, source, key=key, config=desk.config, tags=["events"]))
    log.info("watching %s; run %s takes what is there", shown(source), started.name)


def _files(paths: Iterable[str]) -> Iterator[str]:
    """The files among paths, and those in the folders among them: a folder that is moved here comes as one change."""
    for path in paths:
        if os.path.isdir(path):
            yield from (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
        else:
            yield path


def _take_batches(desk: Desk, waiting: dict[str, Still]) -> None:
    """Hand over what stood still long enough, once it is enough or has waited long enough."""
    events = desk.settings.service.events
    for path in list(waiting):
        waiting[path] = _seen(path, waiting[path])
        if waiting[path].size < 0:
            del waiting[path]
    now, clock = time.time(), time.monotonic()
    whole = sorted((still.since, path) for path, still in waiting.items() if now - still.since >= events.settle_s)
    while len(whole) >= events.max_objects or (whole and desk.is_due(clock - (now - whole[0][0]))):
        taken, whole = whole[: events.max_objects], whole[events.max_objects :]
        arrived = [Arrived(to_uri(path), f"{waiting[path].size} {waiting[path].changed_ns}") for _, path in taken]
        started = desk.patiently(lambda arrived=arrived: desk.hand_over(arrived))  # type: ignore[misc]
        tell(started, len(taken), taken[0][0])
        for _, path in taken:
            del waiting[path]


def _seen(path: str, before: Still | None) -> Still:
    """How a file is now."""
    try:
        stated = os.stat(path)
    except OSError:
        return Still(-1, 0, time.time())
    now = Still(stated.st_size, stated.st_mtime_ns, time.time())
    same = before and (before.size, before.changed_ns) == (now.size, now.changed_ns)
    return before if before and same else now
