"""What arrived, in micro-batches: a manifest of it in the root, and a run of that manifest."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from deployments.messages import Arrived
from deployments.start import Started, has_begun, has_server, start_curate
from flows.settings import Settings
from tasks.ingest.manifest import lies_in, write_manifest
from tasks.ingest.metadata.sidecars import names_beside
from tasks.ingest.source import would_take
from tasks.store.errors import WinnowError
from tasks.store.root import Root, open_root

LONGEST_PAUSE_S = 30.0

LONGEST_HOLD_S = 600.0
"""Seconds for which arrivals wait at most because the run before them has not begun."""

log = logging.getLogger("winnow.watch")

Done = TypeVar("Done")


@dataclass
class Desk:
    """Where arrivals are handed over, and what a listener needs besides.

    Attributes:
        settings: all of them.
        root: opened.
        config: settings file for the runs, if it is not the deployment's.
        stop: set when the listener shall end after the batch in hand.
        last: id of the run that was started last, if the server has it.
    """

    settings: Settings
    root: Root
    config: str | None
    stop: threading.Event
    last: str | None = None
    _look_again: float = 0.0

    def beat(self) -> None:
        """Show that the listener is alive."""
        if self.settings.service.events.heartbeat:
            Path(self.settings.service.events.heartbeat).touch()

    def taker(self) -> Callable[[str], bool]:
        """Says of a URI whether a run would take it; what Winnow writes into the root itself is nothing new."""
        takes = would_take(self.settings.source_uri, self.settings.ingest)
        return lambda uri: not lies_in(uri, self.root.uri) and takes(uri)

    def hand_over(self, arrived: Iterable[Arrived]) -> Started:
        """Write the manifest, and start its run; however often it is done, it is one run. Raises WinnowError."""
        found = sorted(set(arrived))
        marks = hashlib.blake2b("\n".join(f"{one.uri} {one.mark}" for one in found).encode(), digest_size=10)
        uris = dict.fromkeys(one.uri for one in found)
        ending = self.settings.ingest.metadata.sidecar
        beside = (name for uri in uris for name in names_beside(uri, ending)) if ending else ()
        manifest = write_manifest(
            self.root,
            "events",
            below=self.settings.source_uri,
            uris=dict.fromkeys([*uris, *beside]),
            mark=marks.hexdigest(),
        )
        started = start_curate(self.settings, manifest, config=self.config, tags=["events"])
        self.last = started.id if has_server() else None
        return started

    def is_due(self, since: float) -> bool:
        """Whether arrivals shall be handed over that wait since then (monotonic seconds).

        They wait for the run before them to begin, so that many small runs do not queue up where one will do.
        """
        now, longest = time.monotonic(), self.settings.service.events.max_wait_s
        if now - since < longest:
            return False
        if self.last is None or now - since > LONGEST_HOLD_S:
            return True
        if now >= self._look_again:
            self._look_again = now + min(longest, 5.0)
            return has_begun(self.last)
        return False

    def patiently(self, work: Callable[[], Done]) -> Done:
        """What `work` gives; tried again, ever more slowly, until it succeeds or the listener shall end."""
        from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential_jitter

        return Retrying(
            wait=wait_exponential_jitter(initial=1, max=LONGEST_PAUSE_S),
            retry=retry_if_exception_type((WinnowError, OSError)),
            stop=stop_when_event_set(self.stop),
            sleep=self._pause,
            before_sleep=lambda state: log.warning("%s Tried again soon.", state.outcome.exception()),  # type: ignore[union-attr]
            reraise=True,
        )(work)

    def _pause(self, seconds: float) -> None:
        self.beat()
        self.stop.wait(seconds)


def open_desk(settings: Settings, config: str | None, stop: threading.Event) -> Desk:
    """The desk of a root, which is made if it is not there."""
    return Desk(settings, open_root(settings.root_uri, create=True), config, stop)


def tell(started: Started, objects: int, waited_since: float, ignored: int = 0) -> None:
    """One line a batch."""
    log.info(
        "%d objects, the oldest waited %.0f s, %d events ignored: run %s%s",
        objects,
        max(0.0, time.time() - waited_since),
        ignored,
        started.name,
        ", which was there already" if started.again else "",
    )
