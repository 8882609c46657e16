"""Processor seconds and memory of this process and all that descend from it, as Linux counts them."""

import os
from collections.abc import Callable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds() -> float:
    """User and system time of this process and of its descendants."""
    return sum(_cpu_ticks(fields) for fields in _family(os.getpid())) / _TICKS


def metered(work: Callable[[], float], seconds: list[float]) -> Callable[[], float]:
    """The same work, which appends the processor seconds that it takes."""

    def measured() -> float:
        before = cpu_seconds()
        spent = work()
        seconds.append(cpu_seconds() - before)
        return spent

    return measured


def resident_bytes(first: int) -> dict[str, int]:
    """Resident memory of a process, `main`, and of its living descendants, `children`; shared pages count in each."""
    sizes = [int(fields[21]) * _PAGE for fields in _family(first)]
    return {"main": sum(sizes[:1]), "children": sum(sizes[1:])}


def _cpu_ticks(fields: list[str]) -> int:
    own_and_waited_for = fields[11:15]
    return sum(int(ticks) for ticks in own_and_waited_for)


def _family(first: int) -> list[list[str]]:
    """The fields behind the name in /proc/PID/stat, of `first` and then of its descendants."""
    stats = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            stats[int(place.parent.name)] = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
    members = [first]
    for parent in members:
        members += [pid for pid, fields in stats.items() if int(fields[1]) == parent]
    return [stats[pid] for pid in members if pid in stats]
