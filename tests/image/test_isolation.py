"""Isolation: a process that dies, spins or swallows memory costs its own job and no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tasks.image.decode import Undecodable
from tasks.image.isolation import run_isolated
from tasks.store.errors import UsageError
from tasks.store.reasons import Reject

HOARD: list[np.ndarray] = []


def work(job: str) -> str:
    """What a decoder may do to its process."""
    if job.startswith("signal "):
        os.kill(os.getpid(), int(job.split()[1]))
    elif job == "spin":
        while True:
            pass
    elif job == "memory":
        np.ones(40_000_000_000, np.uint8)
    elif job.startswith("take "):
        np.empty(int(job.split()[1]), np.uint8)
    elif job.startswith("keep "):
        HOARD.append(np.empty(int(job.split()[1]), np.uint8))
    elif job == "raise":
        return str(1 / 0)
    elif job == "all":
        raise UsageError("nothing can be read")
    elif job == "exit":
        os._exit(7)
    return job.upper()


def run(jobs: list[str]) -> list[str | Undecodable]:
    chunks = run_isolated(work, jobs, max_pixels=1_000_000, max_cpu_s=1, workers=2)
    return [result for chunk in chunks for result in chunk]


@pytest.mark.parametrize(
    ("killer", "reason", "words"),
    [
        (f"signal {int(signal.SIGSEGV)}", Reject.DECODER_CRASH, "SIGSEGV"),
        (f"signal {int(signal.SIGKILL)}", Reject.DECODER_CRASH, "SIGKILL"),
        ("exit", Reject.DECODER_CRASH, "exit code 7"),
        ("spin", Reject.CPU_LIMIT, "1 s"),
    ],
)
def test_run_isolated__a_dying_process_costs_one_job(killer: str, reason: Reject, words: str) -> None:
    jobs = [f"job {number}" for number in range(40)]
    jobs[21] = killer
    results = run(jobs)
    culprit = results.pop(21)
    assert isinstance(culprit, Undecodable)
    assert culprit.reason == reason
    assert words in culprit.detail
    assert results == [job.upper() for job in jobs if job != killer]


def test_run_isolated__memory_is_bounded() -> None:
    before, swallowed, after = run(["before", "memory", "after"])
    assert (before, after) == ("BEFORE", "AFTER")
    assert isinstance(swallowed, Undecodable)
    assert swallowed.reason == Reject.MEMORY_LIMIT


def test_run_isolated__memory_is_what_each_caller_allows_and_never_too_little() -> None:
    def taken(size: int, max_pixels: int) -> bool:
        chunks = run_isolated(work, [f"take {size}"], max_pixels=max_pixels, max_cpu_s=1, workers=1)
        return [one for chunk in chunks for one in chunk] == [f"TAKE {size}"]

    most, least = 200_000_000, 100
    asked = [(300_000_000, least), (2_000_000_000, most), (2_000_000_000, least), (2_000_000_000, most)]
    assert [taken(*one) for one in asked] == [True, True, False, True]


def test_run_isolated__what_earlier_jobs_keep_counts_for_no_later_one() -> None:
    jobs = ["keep 300000000", "between", "take 400000000", "take 450000000", "after"]
    assert run(jobs) == [job.upper() for job in jobs]


def test_run_isolated__an_exception_is_a_result() -> None:
    before, raised, after = run(["before", "raise", "after"])
    assert (before, after) == ("BEFORE", "AFTER")
    assert isinstance(raised, Undecodable)
    assert "ZeroDivisionError" in raised.detail


def test_run_isolated__what_concerns_all_jobs_is_raised() -> None:
    with pytest.raises(UsageError, match="nothing can be read"):
        run(["before", "all", "after"])
    assert run(["later"]) == ["LATER"]


def remember(jobs: Sequence[str]) -> None:
    os.environ["AHEAD"] = " ".join(jobs)


def remembered(job: str) -> str:
    return os.environ["AHEAD"]


def test_run_isolated__says_ahead_which_jobs_come() -> None:
    jobs = [str(number) for number in range(40)]
    chunks = run_isolated(remembered, jobs, max_pixels=100, max_cpu_s=1, workers=1, ahead=remember)
    assert [one for chunk in chunks for one in chunk] == [" ".join(jobs)] * 40


def test_run_isolated__no_process_is_left_behind() -> None:
    code = """
import os
from tests.image.test_isolation import run
if __name__ == "__main__":
    run(["a"] * 40)
    print(os.getpid(), flush=True)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert done.returncode == -signal.SIGKILL
    session = int(done.stdout.split()[0])
    deadline = time.monotonic() + 20
    while _members(session) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _members(session) == []


def _members(session: int) -> list[int]:
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as status:
                fields = status.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(name))
    return found
