"""Processes that touch hostile bytes: they can neither take the run with them nor eat the machine.

Each process limits its own memory and, for every job, its processor time. Jobs go to it in small chunks; when a process
dies, the jobs of its chunk are done again one at a time, and the one that kills a process again is the culprit.
"""

import atexit
import functools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from tasks.image import decode
from tasks.store.reasons import Reject

Job = TypeVar("Job")
Result = TypeVar("Result")

CHUNK = 16
"""Jobs a message: few enough to spread, enough to make the messages cheap."""

_BYTES_A_PIXEL = 16
"""A decoder holds a picture in up to four copies of four bytes."""


def run_isolated(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    max_pixels: int,
    max_cpu_s: int,
    workers: int | None = None,
) -> Iterator[list[Result | decode.Undecodable]]:
    """What `work` makes of every job, in order, a chunk at a time; Undecodable where it failed or killed its process.

    Args:
        work: a function of a module, with a picklable argument and result.
        jobs: its arguments.
        max_pixels: of one picture; sets the memory that a process may take.
        max_cpu_s: processor seconds that one job may take.
        workers: processes; one a processor if None.
    """
    pool = _pool(workers or os.cpu_count() or 1)
    limits = (max_pixels * _BYTES_A_PIXEL, max_cpu_s)
    chunks = [jobs[start : start + CHUNK] for start in range(0, len(jobs), CHUNK)]
    waiting = [pool.schedule(_run_all, args=[work, chunk, limits]) for chunk in chunks]
    for chunk, future in zip(chunks, waiting, strict=True):
        try:
            yield future.result()
        except ProcessExpired:
            yield [_run_alone(pool, work, job, limits) for job in chunk]


def _run_alone(pool: ProcessPool, work: Callable[[Job], Result], job: Job, limits: tuple[int, int]) -> Any:
    try:
        return pool.schedule(_run_all, args=[work, [job], limits]).result()[0]
    except ProcessExpired as error:
        if error.exitcode == -signal.SIGXCPU:
            return decode.Undecodable(Reject.CPU_LIMIT, f"more than {limits[1]} s")
        return decode.Undecodable(Reject.DECODER_CRASH, f"the decoder ended with {_ending(error.exitcode)}")


def _ending(exitcode: int) -> str:
    return signal.Signals(-exitcode).name if exitcode < 0 else f"exit code {exitcode}"


@functools.cache
def _pool(workers: int) -> ProcessPool:
    """One pool a process of ours; the decoders are imported once, in the server that the workers are forked from."""
    context = _Context()
    context.set_forkserver_preload([__name__])
    pool = ProcessPool(max_workers=workers, context=context, initializer=_set_up)
    atexit.register(_end, pool)
    return pool


class _Process(ForkServerProcess):
    """A worker that does not import the main program again: it may be slow to import, or no file at all."""

    @staticmethod
    def _Popen(process: Any) -> Any:  # noqa: N802
        program = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process)
        finally:
            sys.modules["__main__"] = program


class _Context(ForkServerContext):
    Process = _Process


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def _set_up() -> None:
    """In a worker: no chatter of decoders on the terminal, no reaction to Ctrl-C, which is the run's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_all(work: Callable[[Job], Result], jobs: Sequence[Job], limits: tuple[int, int]) -> list[Any]:
    _limit_memory(limits[0])
    results: list[Any] = []
    for job in jobs:
        _limit_cpu(limits[1])
        try:
            results.append(work(job))
        except MemoryError as error:
            results.append(decode.Undecodable(Reject.MEMORY_LIMIT, str(error) or "out of memory"))
        except Exception as error:  # one picture that no library foresaw must not fail the others
            results.append(decode.Undecodable(Reject.DAMAGED, f"{type(error).__name__}: {error}"))
    return results


@functools.cache
def _limit_memory(extra: int) -> None:
    """Bytes that the process may take on top of what it has at its start (Linux counts them, others do not)."""
    if sys.platform != "linux":
        return
    with open("/proc/self/statm") as status:
        taken = int(status.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + extra, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _limit_cpu(seconds: int) -> None:
    """Past it the kernel ends the process with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
