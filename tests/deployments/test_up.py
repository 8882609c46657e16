"""`winnow up`: photographs that land in a folder become samples, whatever is killed; and nothing is left after down."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.supervise import MARK
from flows.settings import load_settings
from tests.flows.servers import WINNOW, free_port
from tests.made import Maker
from tests.pipeline import rows

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def winnow(tmp_path: Path) -> Iterator[Command]:
    """Run `winnow` in a folder with settings; whatever it started is ended."""
    ports = f"{{prefect: {free_port()}, mlflow: {free_port()}, label_studio: {free_port()}}}"
    settings = f"source: photos\nroot: root\nservice:\n  data: service\n  ports: {ports}\n  events: {{max_wait_s: 1}}\n"
    (tmp_path / "winnow.yaml").write_text(settings)
    (tmp_path / "photos").mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [WINNOW, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=900, env=dict(os.environ)
        )

    yield run
    run("down")


def processes(place: Path) -> dict[str, psutil.Process]:
    """The processes of the service in a folder, by their command."""
    found = {}
    for one in psutil.process_iter(["cmdline", "environ"]):
        if (one.info["environ"] or {}).get(MARK) == str(place / "service"):
            found[" ".join(one.info["cmdline"] or [])] = one
    return found


def kill(place: Path, command: str) -> None:
    """Kill the process whose command has some words in it."""
    next(one for name, one in processes(place).items() if command in name).send_signal(signal.SIGKILL)


def until_samples(place: Path, count: int, seconds: float = 600) -> None:
    """Wait until so many objects have become samples."""
    settings = load_settings(str(place / "winnow.yaml"))
    deadline = time.monotonic() + seconds
    while not (place / "root" / "root.json").exists() or (
        rows(settings, "SELECT count(*) AS n FROM objects WHERE outcome = 'sample'")[0]["n"] < count
    ):
        logs = (place / "service" / "logs").glob("*.log")
        assert time.monotonic() < deadline, "".join(path.read_text()[-2000:] for path in logs)
        time.sleep(2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_up__serves_restarts_what_is_killed_and_leaves_nothing_after_down(winnow: Command, tmp_path: Path) -> None:
    done = winnow("up", "--wait", "600")
    assert done.returncode == 0, done.stderr
    pages = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    for name in ("prefect", "mlflow"):
        assert httpx.get(pages[name].strip(), follow_redirects=True, timeout=60).status_code == 200
    assert "winnow release/winnow" in pages

    maker = Maker(tmp_path / "photos")
    maker.photographs(5)
    until_samples(tmp_path, 5)

    for command in ("server start", "worker start", "watch"):
        kill(tmp_path, command)
    maker.photographs(5, first=5)
    until_samples(tmp_path, 10)

    again = winnow("up")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
    assert "other settings" not in again.stderr

    assert winnow("down").returncode == 0
    assert processes(tmp_path) == {}
    assert winnow("down").stdout == f"Nothing of {tmp_path / 'service'} was running.\n"
