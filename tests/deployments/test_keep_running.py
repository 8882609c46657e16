"""Programs are kept running: health, restarts, taken ports, twice is once, and nothing is left."""

import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments.programs import Program
from deployments.supervise import Supervisor
from deployments.up import bring_down, examine_programs, logs, managed, start
from flows.settings import load_settings
from tasks.store.errors import UsageError, WinnowError
from tests.flows.servers import free_port


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    """The folder of a service; whatever runs there is ended."""
    (tmp_path / "s" / "logs").mkdir(parents=True)
    yield tmp_path / "s"
    bring_down(tmp_path / "s")


def a_server(name: str = "pages", port: int | None = None) -> Program:
    port = port or free_port()
    page = f"http://127.0.0.1:{port}/"
    return Program(
        name,
        f"python -m http.server --bind 127.0.0.1 {port}",
        page,
        "Directory listing",
        page,
        port,
        f"service.ports.{name}",
    )


def process_of(port: int) -> psutil.Process:
    """The process whose command names a port."""
    return next(
        one for one in psutil.process_iter(["cmdline"]) if str(port) in (one.info["cmdline"] or []) and one.ppid() != 1
    )


def until(seen: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def keep_running(
    service: Path, programs: list[Program], env: dict[str, str], wait_s: float, say: Callable[[str], None]
) -> None:
    start(managed(service, programs, env, say), programs, wait_s, say)


def silent(_line: str) -> None:
    pass


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except OSError:
        return False


def test_keep_running__killed_program_comes_back_and_down_leaves_nothing(service: Path) -> None:
    first, second = a_server("pages"), a_server("more")
    told: list[str] = []
    keep_running(service, [first, second], {"SECRET": "hush"}, 60, told.append)
    assert sorted(told) == ["more is up", "pages is up"]
    assert first.port is not None
    killed = process_of(first.port)
    assert killed.environ()["SECRET"] == "hush"

    killed.send_signal(signal.SIGKILL)
    until(lambda: not killed.is_running() and answers(first.port or 0))
    assert process_of(first.port).pid != killed.pid

    manager = process_of(first.port).ppid()
    keep_running(service, [first, second], {"SECRET": "hush"}, 60, told.append)
    assert process_of(first.port).ppid() == manager
    assert sorted(told[2:]) == ["more is up", "pages is up"]

    os.kill(manager, signal.SIGKILL)  # what it leaves behind is found all the same
    assert bring_down(service) >= 2
    assert not answers(first.port)
    assert bring_down(service) == 0
    assert b"hush" not in b"".join(path.read_bytes() for path in service.rglob("*") if path.is_file())


def test_keep_running__other_settings_are_told_and_change_nothing(service: Path) -> None:
    program = a_server()
    keep_running(service, [program], {}, 60, silent)
    told: list[str] = []
    keep_running(service, [program], {"MORE": "1"}, 60, told.append)
    assert told[0].startswith("It runs with other settings: `winnow down`")


def test_keep_running__taken_port_is_one_sentence_and_starts_nothing(service: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"Port {port} for pages .* set service\.ports\.pages to another"):
            keep_running(service, [a_server("other"), a_server("pages", port)], {}, 60, silent)
    assert not Supervisor(service).runs


def test_keep_running__what_does_not_answer_is_named_with_its_log(service: Path) -> None:
    broken = Program("broken", "sh -c 'echo no such table; exit 1'", "http://127.0.0.1:9/")
    with pytest.raises(WinnowError, match=r"No answer in 2 s from broken \(log: .*logs/broken\.log\)"):
        keep_running(service, [broken], {}, 2, silent)
    settings = load_settings(None, {"service.data": str(service)})
    (file,) = logs(settings, "broken")
    until(lambda: "no such table" in file.read_text())
    until(lambda: any(one.told.startswith("broken does not run (") for one in examine_programs(settings)))
    bring_down(service)
    (found,) = examine_programs(settings)
    assert "`winnow up` starts it" in found.told


@pytest.mark.parametrize("name", ["a;b", "a%b", "x" * 100])
def test_supervisor__folder_that_it_cannot_use_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot hold a service.*Set service\.data"):
        Supervisor(tmp_path / name).refuse_bad_folder()


def test_logs__unknown_name_lists_what_there_is(service: Path) -> None:
    (service / "logs" / "worker.log").touch()
    with pytest.raises(UsageError, match=r"no log of wroker .*Logs: worker\."):
        logs(load_settings(None, {"service.data": str(service)}), "wroker")
