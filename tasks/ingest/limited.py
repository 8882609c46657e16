"""Become another program that cannot outgrow its limits nor outlive its parent. Run as a script, never imported.

    python -I -S limited.py BYTES SECONDS PARENT PROGRAM ARGUMENTS...

BYTES of address space, SECONDS of processor time (then SIGXCPU, and soon SIGKILL), no file written, no core dumped.
(What `preexec_fn` does is unsafe in a process with threads; `ulimit` of a shell knows no death of a parent.)
"""

import ctypes
import os
import resource
import signal
import sys

GRACE_S = 5
"""Seconds between the friendly end and the other."""

NOT_STARTED = 97
"""Exit code if it cannot become the program."""

_PR_SET_PDEATHSIG = 1


def main(size: int, seconds: int, parent: int, program: list[str]) -> None:
    """Set the limits, then become the program."""
    _limit(resource.RLIMIT_AS, size)
    _limit(resource.RLIMIT_CPU, seconds, seconds + GRACE_S)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(NOT_STARTED)
    try:
        os.execv(program[0], program)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        sys.exit(NOT_STARTED)


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """What somebody limited before stays limited; systems that do not know a limit do without."""
    most = resource.getrlimit(kind)[1]
    wanted = [soft, soft if hard is None else hard]
    if most != resource.RLIM_INFINITY:
        wanted = [min(limit, most) for limit in wanted]
    try:
        resource.setrlimit(kind, (wanted[0], wanted[1]))
    except (OSError, ValueError):
        if sys.platform == "linux":
            raise


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
