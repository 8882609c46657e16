"""Keep programs running: supervisor starts them, restarts what dies, rotates their logs, and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployments.programs import Program
from tasks.store.errors import UsageError, WinnowError

MARK = "WINNOW_SERVICE"
"""Every process of a service has its folder in the environment under this name: so all of them are found."""

STOP_S = 30
"""A program that is asked to end has so many seconds, then it is killed."""

_SUPERVISOR = """\
[supervisord]
logfile=%(ENV_WINNOW_SERVICE)s/logs/supervisor.log
logfile_maxbytes=10MB
logfile_backups=5
pidfile=%(ENV_WINNOW_SERVICE)s/supervisor.pid
umask=077

[unix_http_server]
file=%(ENV_WINNOW_SERVICE)s/supervisor.sock
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# A program that dies is started again at once; one that does not live for `startsecs`, as when its database is away,
# after 1 s, then 2 s, 3 s, ..., for days.
_PROGRAM = """
[program:{name}]
command={command}
autostart=false
autorestart=true
startsecs=20
startretries=1000
stopasgroup=true
killasgroup=true
stopwaitsecs={stop_s}
redirect_stderr=true
stdout_logfile=%(ENV_WINNOW_SERVICE)s/logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
"""


class Supervisor:
    """The supervisor of one service, which may run or not.

    Attributes:
        data: the folder of the service.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._socket = data / "supervisor.sock"

    def refuse_bad_folder(self) -> None:
        """Notice a path that a socket or supervisor's file cannot hold. Raises UsageError."""
        if len(os.fsencode(self._socket)) > 100 or set(str(self.data)) & set('%;#"\n'):
            raise UsageError(
                f"The folder {self.data} cannot hold a service: its path is longer than 80 letters, or has one of "
                '% ; # " in it. Set service.data to another.'
            )

    @property
    def runs(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("getPID")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self, programs: Sequence[Program], env: dict[str, str]) -> None:
        """Start it, without any program yet; `env` comes on top of the environment of this process.

        Raises:
            WinnowError: it does not come up.
        """
        file = self.data / "supervisor.conf"
        file.write_text(_SUPERVISOR + "".join(map(_section, programs)))
        self._socket.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", file],
            env=os.environ | env | {MARK: str(self.data)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        deadline = time.monotonic() + 20
        while not self.runs:
            if done.returncode != 0 or time.monotonic() > deadline:
                said = " ".join((done.stderr or done.stdout).split())[-300:]
                raise WinnowError(f"The process manager did not start ({said}); see {self.data / 'logs'}.")
            time.sleep(0.1)

    def run(self, program: Program) -> None:
        """Start a program unless it runs."""
        if self.state(program.name) not in ("STARTING", "RUNNING", "BACKOFF"):
            self._ask("startProcess", program.name, False)

    def state(self, name: str) -> str:
        """What supervisor says of a program: RUNNING, STARTING, BACKOFF, STOPPED, ...; ABSENT if it knows none."""
        try:
            return str(self._ask("getProcessInfo", name)["statename"])
        except xmlrpc.client.Fault:
            return "ABSENT"

    def states(self) -> dict[str, str]:
        """What supervisor says of all its programs, by their names."""
        return {one["name"]: one["statename"] for one in self._ask("getAllProcessInfo")}

    def shut_down(self) -> None:
        """Ask it to end all programs and then itself; returns at once."""
        self._ask("shutdown")

    def _ask(self, question: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        return getattr(proxy.supervisor, question)(*arguments)


def _section(program: Program) -> str:
    return _PROGRAM.format(name=program.name, command=program.command.replace("%", "%%"), stop_s=STOP_S)
