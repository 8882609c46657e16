"""A real PostgreSQL for tests: a cluster of its own on a free port, which can be away for a while."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.servers import free_port


class Postgres:
    """The server.

    Attributes:
        url: of its database, as `service.database` takes it.
    """

    def __init__(self, programs: Path, home: Path) -> None:
        self._programs, self._home, self._port = programs, home, free_port()
        self.url = f"postgresql://winnow@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        """Make the cluster."""
        self._run("initdb", "--username=winnow", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self._port} -k {self._home} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--log", str(self._home / "log"), "--options", options)

    def stop(self) -> None:
        """End it at once, breaking its connections."""
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "--pgdata", self._home / "cluster", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._home,
            user="postgres" if os.getuid() == 0 else None,  # it refuses to run as root
        )


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A started PostgreSQL; the test is skipped, saying so, where none is installed."""
    found = shutil.which("pg_ctl") or next((str(p) for p in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")), None)
    if found is None:
        pytest.skip("no PostgreSQL here: `apt-get install postgresql` brings one")
    home = Path(tempfile.mkdtemp(prefix="winnow-pg-"))
    if os.getuid() == 0:
        shutil.chown(home, "postgres")
    server = Postgres(Path(found).resolve().parent, home)
    server.make()
    server.start()
    try:
        yield server
    finally:
        subprocess.run(
            [Path(found).resolve().parent / "pg_ctl", "--pgdata", home / "cluster", "stop", "--mode=immediate"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user="postgres" if os.getuid() == 0 else None,
        )
        shutil.rmtree(home)
