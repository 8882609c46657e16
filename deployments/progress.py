"""Progress as lines in the log of a run, where nobody watches a bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_run_logger

from tasks.progress import unwatch, watch

EVERY_S = 10.0
"""Seconds between two lines about one stage."""


@contextmanager
def logged_progress() -> Iterator[None]:
    """Log how far every stage is, now and then, and what it came to in the end."""
    logger = get_run_logger()
    done: dict[str, int] = {}
    total: dict[str, int] = {}
    last: dict[str, float] = {}
    one_at_a_time = threading.Lock()

    def say(stage: str) -> None:
        of = f" of {total[stage]:,}" if stage in total else ""
        logger.info(f"{stage}: {done[stage]:,}{of}")
        last[stage] = time.monotonic()

    def follow(stage: str, more: int, more_to_come: int | None) -> None:
        with one_at_a_time:  # shards tell from threads of their own
            done[stage] = done.get(stage, 0) + more
            if more_to_come is not None:
                total[stage] = total.get(stage, 0) + more_to_come
            if done[stage] and time.monotonic() - last.setdefault(stage, time.monotonic()) >= EVERY_S:
                say(stage)

    watch(follow)
    try:
        yield
    finally:
        unwatch(follow)
        for stage in done:
            say(stage)
