"""Listen until told to end: to the queue of a bucket, or to a folder."""

import logging
import signal
import threading
from typing import Any

from deployments.batches import open_desk
from deployments.watch_folder import watch_folder
from deployments.watch_queue import watch_queue
from flows.settings import Settings
from tasks.ingest.source import refuse_missing_source
from tasks.store.errors import WinnowError
from tasks.store.storage import in_bucket


def listen(settings: Settings, config: str | None) -> None:
    """Start a run for every micro-batch that arrives in the source, until SIGINT or SIGTERM comes.

    Args:
        settings: all of them.
        config: settings file for the runs, if it is not the deployment's.

    Raises:
        UsageError: source, root, queue or credentials are wrong from the start.
    """
    _log_on_stderr()
    refuse_missing_source(settings.source_uri)
    desk = open_desk(settings, config, _end_at_signals())
    try:
        (watch_queue if in_bucket(settings.source_uri) else watch_folder)(desk)
    except WinnowError:
        if not desk.stop.is_set():
            raise


def _log_on_stderr() -> None:
    """A line a batch, and what goes wrong; nothing of Prefect's, whose runs have logs of their own."""
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("winnow")
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _end_at_signals() -> threading.Event:
    """An event that the first SIGINT or SIGTERM sets; the second one ends the process at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, end)
    return stop
