"""Winnow as a service on this machine: start its servers, wait until they answer, and end them again."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.databases import make_ready
from deployments.programs import Program, api, environment, servers, workers
from deployments.supervise import MARK, STOP_S, Supervisor
from flows.doctor import Finding
from flows.settings import Settings
from tasks.store.errors import UsageError, WinnowError

if TYPE_CHECKING:
    import psutil

_ALIVE = ("STARTING", "RUNNING")

GRACE_S = 15.0
"""What is left of a service after its supervisor ended has so long to end by itself."""


def bring_up(settings: Settings, config: str | None, wait_s: float, say: Callable[[str], None]) -> dict[str, str]:
    """Start what does not run yet, wait until each part is well, and register the root; twice is once.

    Args:
        settings: of the root that is served.
        config: its settings file, which the worker reads too.
        wait_s: how long each part may take to answer.
        say: takes a line for the user.

    Returns:
        The pages that people open: a name and an address each.

    Raises:
        UsageError: a port is taken, or something asked for is not installed.
        WinnowError: something did not answer in time; it is left running, since it may still.
    """
    data = folder(settings)
    first, second = servers(settings), workers(settings)
    Supervisor(data).refuse_bad_folder()
    make_ready(settings.service.database, data)
    supervisor = managed(data, [*first, *second], environment(settings, config, data), say)
    start(supervisor, first, wait_s, say)
    pages = _registered(settings, config, say)
    start(supervisor, second, wait_s, say)
    if len(second) == 1:
        say("New files are taken in on schedule. For at once: name a folder as source, or `winnow connect` a bucket.")
    if settings.service.label_studio:
        say(f"User and password of Label Studio are in {data / 'label-studio'}")
    return {one.name: one.page for one in first if one.page} | pages


def managed(data: Path, programs: Sequence[Program], env: dict[str, str], say: Callable[[str], None]) -> Supervisor:
    """The supervisor of some programs, started if it did not run; none of the programs is started.

    Args:
        data: the folder of the service, which has a folder `logs`.
        programs: all that it is to know.
        env: what they find in their environment, besides that of this process.
        say: takes a line for the user.
    """
    supervisor = Supervisor(data)
    if not supervisor.runs:
        _refuse_taken_ports(programs)
        supervisor.start(programs, env)
        _fingerprint(data).write_text(_hashed(programs, env))
    elif _fingerprint(data).read_text() != _hashed(programs, env):
        say("It runs with other settings: `winnow down`, then `winnow up`, to use these.")
    return supervisor


def start(supervisor: Supervisor, programs: Sequence[Program], wait_s: float, say: Callable[[str], None]) -> None:
    """Start programs that do not run, and wait until all are well. Raises WinnowError, naming those that are not."""
    for program in programs:
        supervisor.run(program)
    deadline = time.monotonic() + wait_s
    waiting = list(programs)
    while waiting:
        well = [one for one in waiting if supervisor.state(one.name) in _ALIVE and _answers(one)]
        for program in well:
            say(f"{program.name} is up")
        waiting = [one for one in waiting if one not in well]
        if waiting and time.monotonic() > deadline:
            told = ", ".join(f"{one.name} (log: {supervisor.data / 'logs' / f'{one.name}.log'})" for one in waiting)
            raise WinnowError(f"No answer in {wait_s:.0f} s from {told}. It goes on trying; `winnow down` ends it.")
        time.sleep(0.3 if waiting else 0)


def bring_down(data: Path) -> int:
    """End every process of the service in a folder, and whatever those started, by process id; how many there were."""
    import psutil

    found = _processes(data)
    supervisor = Supervisor(data)
    if supervisor.runs:
        supervisor.shut_down()
        psutil.wait_procs(found, timeout=STOP_S + GRACE_S)
    left = _processes(data)
    for process in left:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(left, timeout=GRACE_S)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=GRACE_S)
    return len(found)


def folder(settings: Settings) -> Path:
    """The folder of the service, as an absolute path."""
    return Path(settings.service.data).expanduser().resolve()


def logs(settings: Settings, name: str | None) -> list[Path]:
    """The log files, of one program or of all. Raises UsageError if there are none."""
    place = folder(settings) / "logs"
    found = sorted(place.glob(f"{name or '*'}.log"))
    if not found:
        there = ", ".join(sorted(path.stem for path in place.glob("*.log"))) or "none yet: `winnow up` starts them"
        raise UsageError(f"There is no log{f' of {name}' if name else ''} in {place}. Logs: {there}.")
    return found


def examine_programs(settings: Settings) -> Iterator[Finding]:
    """Whether each program of the service runs, if there is one on this machine."""
    supervisor = Supervisor(folder(settings))
    if not supervisor.data.exists():
        return
    if not supervisor.runs:
        yield Finding("service", False, False, f"nothing of {supervisor.data} runs; `winnow up` starts it")
        return
    for name, state in supervisor.states().items():
        fine = state in _ALIVE
        told = "runs" if fine else f"does not run ({state}); its log is {supervisor.data / 'logs' / f'{name}.log'}"
        yield Finding("service", fine, True, f"{name} {told}")


def _registered(settings: Settings, config: str | None, say: Callable[[str], None]) -> dict[str, str]:
    """Register the root on the server that was started; the pages of its deployments."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from deployments.deploy import deploy

    if config is None:
        say("Nothing is registered: there is no settings file. `winnow init` writes one, then run `winnow up` again.")
        return {}
    with temporary_settings({PREFECT_API_URL: api(settings)}):
        done = deploy(settings.service, config)
    say(f"{len(done.pages)} deployments are registered")
    return done.pages


def _refuse_taken_ports(programs: Sequence[Program]) -> None:
    for program in programs:
        if program.port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", program.port))
            except OSError as error:
                raise UsageError(
                    f"Port {program.port} for {program.name} is not to be had ({error.strerror}): stop what listens "
                    f"there, or set {program.port_setting} to another."
                ) from error


def _fingerprint(data: Path) -> Path:
    return data / "fingerprint"


def _hashed(programs: Sequence[Program], env: dict[str, str]) -> str:
    """Stands for what the programs are told, without saying it: there are passwords in it."""
    return hashlib.blake2b(repr(([one.command for one in programs], sorted(env.items()))).encode()).hexdigest()


def _answers(program: Program) -> bool:
    if program.health is None:
        return True
    try:
        with urllib.request.urlopen(program.health, timeout=5) as answer:  # noqa: S310
            return program.expects in answer.read().decode(errors="replace")
    except OSError:
        return False


def _processes(data: Path) -> list[psutil.Process]:
    """All processes that the service started and that still run, however they came to be on their own."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(data):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _signal(send: Callable[[], None]) -> None:
    import psutil

    try:
        send()
    except psutil.NoSuchProcess:
        return
