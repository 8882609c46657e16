"""The lock of a root in a bucket: an object that its holder writes anew every few seconds, so that a dead one expires.

Every change of it is conditional, so of several takers one wins. A holder that was cut off from the bucket for longer
than a lease may find another one at work: commits are safe among both, only time is lost.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tasks.store.bucket import Bucket
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.storage import Entry

LEASE_S = 20.0
"""Seconds without a sign of life after which the lock is anybody's."""

RENEW_S = 5.0

LONG_AGO_S = 3600.0
"""A lock that old by this machine's clock is not watched first: no two clocks are that far apart."""


@contextmanager
def leased(uri: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `uri`, alone among processes; whoever holds it in this process shares it.

    `waiting` is called once if another process holds it.
    """
    with _COUNTING:
        lease, sharers = _held.get(uri) or (_Lease(uri), 0)
        if not sharers:
            lease.acquire(waiting)
        _held[uri] = lease, sharers + 1
    try:
        yield
    finally:
        with _COUNTING:
            lease, sharers = _held.pop(uri)
            if sharers > 1:
                _held[uri] = lease, sharers - 1
            else:
                lease.release()


class _Lease:
    def __init__(self, uri: str) -> None:
        self._uri, self._holder, self._signs = uri, uuid.uuid4().hex, 0
        self._version: str | None = None
        self._released = threading.Event()

    def acquire(self, waiting: Callable[[], None]) -> None:
        seen, since = None, 0.0
        while not self._put(IfNoneMatch="*"):
            other = self._other()
            if other and other.version != seen:
                seen, since = other.version, time.monotonic()
            dead = other and (time.monotonic() - since > LEASE_S or time.time() - other.modified_at > LONG_AGO_S)
            if other and dead and self._put(IfMatch=f'"{other.version}"'):
                break
            waiting()
            waiting = _already_told
            time.sleep(random.uniform(0.3, 1.0))  # noqa: S311
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def release(self) -> None:
        self._released.set()
        with suppress(Unreachable, WinnowError):  # then it expires
            if Bucket().stat(self._uri).version == self._version:
                Bucket().delete(self._uri)

    def _renew(self) -> None:
        while not self._released.wait(RENEW_S):
            with suppress(WinnowError):
                if not self._put(IfMatch=f'"{self._version}"'):
                    return

    def _put(self, **condition: str) -> bool:
        self._signs += 1
        version = Bucket().put_if(self._uri, f"{self._holder} {self._signs}".encode(), **condition)
        self._version = version or self._version
        return version is not None

    def _other(self) -> Entry | None:
        try:
            return Bucket().stat(self._uri)
        except Unreachable:
            return None


def _already_told() -> None:
    return None


_COUNTING = threading.Lock()
_held: dict[str, tuple[_Lease, int]] = {}
