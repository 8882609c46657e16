"""Winnow as a service of real processes, any of which may be killed and started again."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from deployments.connect import Connection
from deployments.programs import LEASES
from flows.settings import Settings, load_settings
from tasks.store.errors import WinnowError
from tests.flows.servers import WINNOW, free_port, wait_for
from tests.pipeline import FAST, rows

PREFECT = WINNOW.with_name("prefect")


class Service:
    """Server, worker and listener of one root, whose source is a prefix in a bucket."""

    def __init__(self, bucket: str, place: Path, **stated: Any) -> None:
        self.place, self.port, self.running = place, free_port(), dict[str, subprocess.Popen[bytes]]()
        events = {"max_wait_s": 3, "visibility_s": 10, "max_receives": 100, "heartbeat": str(place / "alive")}
        never = dict.fromkeys(("curate", "select", "label", "learn", "maintain", "remind"))
        service = {"name": "chaos", "events": events, "silent_s": 60, "restarts": 20, "schedules": never}
        self.file = place / "winnow.yaml"
        embed = {name.partition(".")[2]: value for name, value in FAST.items()}
        told = {"source": f"{bucket}/in", "root": str(place / "root"), "embed": embed, "service": service, **stated}
        self.file.write_text(yaml.safe_dump(told))
        self.env = {
            **os.environ,
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_HOME": str(place / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "WINNOW_CONFIG": str(self.file),
        }
        self.commands: dict[str, list[str]] = {
            "server": [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(self.port)],
            "worker": [str(PREFECT), "worker", "start", "--pool", "winnow", "--type", "process"],
            "listener": [str(WINNOW), "watch"],
        }

    @property
    def settings(self) -> Settings:
        return load_settings(str(self.file))

    def begin(self) -> None:
        """Connect the bucket, deploy, and start everything."""
        Connection(self.settings.source_uri, self.settings, None, dry_run=False).make()
        self.start("server")
        wait_for(f"http://127.0.0.1:{self.port}/api/health", self.running["server"], 300)
        self.winnow("deploy")
        self.start("worker")
        self.start("listener")

    def winnow(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(WINNOW), *arguments], env=self.env, cwd=self.place, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str) -> None:
        with (self.place / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.commands[name], env=self.env, cwd=self.place, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """kill -9, of a process or of a flow that runs, and start it again; a flow is left to its own."""
        if name == "flow":
            for process in psutil.Process(self.running["worker"].pid).children():
                process.kill()
            return
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)

    def end(self) -> None:
        """End every process of this service, by its id: all of them know its settings file."""
        for process in psutil.process_iter():
            try:
                if process.environ().get("WINNOW_CONFIG") == str(self.file):
                    process.send_signal(signal.SIGKILL)
            except (psutil.Error, OSError):
                continue

    def final(self) -> int:
        """Objects with a final outcome."""
        try:
            sql = "SELECT count(DISTINCT uri) AS n FROM objects WHERE outcome NOT IN ('pending', 'held', 'deferred')"
            return int(rows(self.settings, sql)[0]["n"])
        except WinnowError:
            return 0

    def runs(self) -> list[Any]:
        """The runs of deployments on the server, newest first."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import FlowRunSort
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: self.env["PREFECT_API_URL"]}), get_client(sync_client=True) as client:
            found = client.read_flow_runs(sort=FlowRunSort.ID_DESC, limit=200)
        return [run for run in found if run.deployment_id]


def wait_until(seen: Callable[[], bool], seconds: float) -> None:
    """Look every second whether something is so."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(1)
