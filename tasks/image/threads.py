"""Threads for work on pictures, started once: each new one would get a heap of its own, that little comes back from."""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(work: Callable[..., Any], *of: Iterable[Any]) -> list[Any]:
    """What `work` gives, in the order of what it is given; it must not call this itself."""
    return list(_threads().map(work, *of))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "pictures")
