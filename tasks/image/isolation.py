"""Processes that touch hostile bytes: they can neither take the run with them nor eat the machine.

Each process limits its own memory and, for every job, its processor time. Jobs go to it in small chunks, over a pipe of
its own, so that its end is seen at once and known to be its own; the jobs of its chunk are then done again one at a
time, and the one that kills a process again is the culprit. (A pool whose processes share a queue cannot tell which of
them took a job and died before it said so.)
"""

import contextlib
import functools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from queue import SimpleQueue
from threading import Lock
from types import ModuleType
from typing import Any, TypeVar

from tasks.image import decode
from tasks.store.errors import WinnowError
from tasks.store.reasons import Reject

Job = TypeVar("Job")
Result = TypeVar("Result")
Run = Callable[[Sequence[Any]], list[Any]]

CHUNK = 16
"""Jobs a message: few enough to spread, enough to make the messages cheap."""

CHUNK_AHEAD = 64
"""The same where jobs are fetched ahead: what begins with the first of them is waited for once a chunk."""

_BYTES_A_PIXEL = 16
"""A decoder holds a picture in up to four copies of four bytes."""

_LEAST_BYTES = 512 * 2**20
"""What a decoder may need for a small picture too: its libraries, their threads and tables."""

_AHEAD_BYTES = 1536 * 2**20
"""What fetching ahead adds: contents, and the addresses that its threads reserve and hardly use."""


def run_isolated(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    max_pixels: int,
    max_cpu_s: int,
    workers: int | None = None,
    ahead: Callable[[Sequence[Job]], None] | None = None,
) -> Iterator[list[Result | decode.Undecodable]]:
    """What `work` makes of every job, in order, a chunk at a time; Undecodable where it failed or killed its process.

    Args:
        work: a function of a module, with a picklable argument and result.
        jobs: its arguments.
        max_pixels: of one picture; sets the memory that a process may take, 512 MiB at least.
        max_cpu_s: processor seconds that one job may take.
        workers: processes; one a processor if None.
        ahead: a function of a module, called in the process with the jobs of a chunk before the work on them begins.

    Raises:
        WinnowError: `work` raised it: it is about no job, but about all of them.
    """
    workers = workers or os.cpu_count() or 1
    size = max(CHUNK, min(CHUNK_AHEAD, -(-len(jobs) // workers))) if ahead else CHUNK
    chunks = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    limits = (max(max_pixels * _BYTES_A_PIXEL, _LEAST_BYTES) + (_AHEAD_BYTES if ahead else 0), max_cpu_s)
    run = functools.partial(_run_all, work, ahead, limits)
    for results in _crew(workers).run(run, chunks, max_cpu_s):
        for result in results:
            if isinstance(result, WinnowError):
                raise result
        yield results


class _Died(Exception):
    """The process ended before it answered."""

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode


class _Worker:
    """One process, started when it is first asked, and again when it has died."""

    def __init__(self, context: "_Context") -> None:
        self._context = context
        self._process: ForkServerProcess | None = None
        self._pipe: Connection | None = None

    def ask(self, *question: Any) -> list[Any]:
        """The answer of the process. Raises _Died."""
        if self._process is None or self._pipe is None:
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
            with _STARTING:
                self._process.start()
            theirs.close()
        try:
            self._pipe.send(question)
            answer: list[Any] = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            died = _Died(self._process.exitcode or 0)
            self._process = self._pipe = None
            raise died from None
        return answer

    def end(self) -> None:
        """The next question goes to a new process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None


class _Crew:
    """So many workers, each asked by one thread at a time."""

    def __init__(self, workers: int) -> None:
        context = _Context()
        context.set_forkserver_preload([__name__])
        self._threads = ThreadPoolExecutor(workers, "isolation")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(_Worker(context))

    def run(self, run: Run, chunks: list[Sequence[Any]], max_cpu_s: int) -> Iterator[list[Any]]:
        return self._threads.map(lambda chunk: self._run_chunk(run, chunk, max_cpu_s), chunks)

    def _run_chunk(self, run: Run, chunk: Sequence[Any], max_cpu_s: int) -> list[Any]:
        worker = self._idle.get()
        try:
            results = _answers(worker, run, chunk, max_cpu_s)
            for number, result in enumerate(results):
                if isinstance(result, decode.Undecodable) and result.reason == Reject.MEMORY_LIMIT:
                    worker.end()  # what earlier jobs left behind counts for nobody else's picture
                    results[number] = _run_alone(worker, run, chunk[number], max_cpu_s)
            return results
        finally:
            self._idle.put(worker)


@functools.cache
def _crew(workers: int) -> _Crew:
    """One a process of ours; the decoders are imported once, in the server that the workers are forked from."""
    return _Crew(workers)


def _answers(worker: _Worker, run: Run, chunk: Sequence[Any], max_cpu_s: int) -> list[Any]:
    try:
        return worker.ask(run, chunk)
    except _Died:
        return [_run_alone(worker, run, job, max_cpu_s) for job in chunk]


def _run_alone(worker: _Worker, run: Run, job: Any, max_cpu_s: int) -> Any:
    try:
        return worker.ask(run, [job])[0]
    except _Died as died:
        if died.exitcode == -signal.SIGXCPU:
            return decode.Undecodable(Reject.CPU_LIMIT, f"more than {max_cpu_s} s")
        return decode.Undecodable(Reject.DECODER_CRASH, f"the decoder ended with {_ending(died.exitcode)}")


def _ending(exitcode: int) -> str:
    return signal.Signals(-exitcode).name if exitcode < 0 else f"exit code {exitcode}"


_STARTING = Lock()


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


def _serve(pipe: Connection) -> None:
    """In a worker: answer until nobody asks. No chatter of decoders on the terminal; Ctrl-C is the run's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            run, jobs = pipe.recv()
            pipe.send(run(jobs))
        except (EOFError, OSError):
            return


def _run_all(
    work: Callable[[Job], Result],
    ahead: Callable[[Sequence[Job]], None] | None,
    limits: tuple[int, int],
    jobs: Sequence[Job],
) -> list[Any]:
    _limit_memory(limits[0])
    if ahead:
        with contextlib.suppress(Exception):  # it only saves time: `work` meets the same trouble and says so
            ahead(jobs)
    results: list[Any] = []
    for job in jobs:
        _limit_cpu(limits[1])
        try:
            results.append(work(job))
        except MemoryError as error:
            results.append(decode.Undecodable(Reject.MEMORY_LIMIT, str(error) or "out of memory"))
        except WinnowError as error:
            return [*results, error]
        except Exception as error:  # one picture that no library foresaw must not fail the others
            results.append(decode.Undecodable(Reject.DAMAGED, f"{type(error).__name__}: {error}"))
    return results


def _limit_memory(extra: int) -> None:
    """Bytes that the process may take on top of what it has at its start (Linux counts them, others do not)."""
    if sys.platform == "linux":
        limit = _bytes_at_start() + extra
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


@functools.cache
def _bytes_at_start() -> int:
    """Taken when it is first asked, before any job: what jobs leave behind does not raise the limit of later ones."""
    with open("/proc/self/statm") as status:
        return int(status.read().split()[0]) * resource.getpagesize()


def _limit_cpu(seconds: int) -> None:
    """Past it the kernel ends the process with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
