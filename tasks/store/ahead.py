"""Fetching ahead: while one object is decoded, the next ones are under way. One reader a process, bounded by bytes."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from tasks.store.fetch import fetch
from tasks.store.patience import expect_answers
from tasks.store.s3 import client

THREADS = 16

AHEAD_BYTES = 64 * 2**20
"""Bytes that are under way or wait to be taken; a larger object is fetched when it is its turn."""

_Wanted = tuple[str, str]

_waiting: deque[tuple[_Wanted, int]] = deque()
_under_way: dict[_Wanted, tuple[Future[bytes], int]] = {}


def fetch_ahead(files: Iterable[tuple[str, str, int]]) -> None:
    """Begin to fetch the objects (URI, version, bytes) that are read next, in order; what was not taken is dropped."""
    expect_answers()
    client()  # made before any job's processor time is limited
    for future, _ in _under_way.values():
        future.cancel()
    _under_way.clear()
    _waiting.clear()
    _waiting.extend(((uri, version), size) for uri, version, size in files if size <= AHEAD_BYTES)
    _begin()


def take(uri: str, version: str | None) -> bytes | None:
    """The bytes of an object that is under way, once they are there; None if it is not. Raises Unreachable."""
    wanted = (uri, version or "")
    found = _under_way.get(wanted)
    if found is None:
        return None
    try:
        return found[0].result()
    except MemoryError:  # what is decoded beside may have taken it: alone it may fit
        return None
    finally:
        _under_way.pop(wanted, None)
        _begin()


def _begin() -> None:
    while _waiting:
        wanted, size = _waiting[0]
        if sum(taken for _, taken in _under_way.values()) + size > AHEAD_BYTES:
            return
        _waiting.popleft()
        try:
            _under_way[wanted] = (_pool().submit(fetch, *wanted), size)
        except RuntimeError:  # no memory for another thread: it is fetched in its turn
            return


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "ahead")
