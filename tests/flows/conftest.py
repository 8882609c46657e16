"""Processes that run flows, may be killed, and answer what they did."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest

from tasks.store.log import read_log
from tests.films import a_film
from tests.flows.servers import WINNOW, Command, Done, prefect_server, processor_time
from tests.made import Maker, jpeg, photograph
from tests.pipeline import content, doubled_keys, opened, rows, settings_for

HOUSE = Path(__file__).parents[2]


OPTIONS = {"select.budget": 2, "ingest.batch_size": 9, "ingest.shard_size": 4}
"""Settings of the runs that are disturbed: two batches, several shards, a small selection."""


class Zygote:
    """A twin of a process that imported everything; it forks a run for every question (see zygote.py)."""

    def __init__(self, number: int, process: socket.socket) -> None:
        self.number = number
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(process, [b"1"], [theirs.fileno()])
        with ours:
            self.lines = ours.makefile("rw")

    def ask(
        self,
        source: Path,
        root: Path,
        *,
        kill_at: int = 0,
        keep_at: Sequence[str] = (),
        locked: bool = True,
        **overrides: Any,
    ) -> None:
        """Start a run.

        Args:
            source: what it curates.
            root: where to.
            kill_at: the number of the durable operation before which it is killed.
            keep_at: parts of names; what is in the root before the first durable operation of each is kept.
            locked: whether it takes the lock of the root.
            overrides: of the settings.
        """
        asked = {"source": source, "root": root, "journal": self.journal(root), "kept": kept(root)}
        disturbed = {"kill_at": kill_at, "keep_at": keep_at, "locked": locked}
        self.lines.write(json.dumps({**asked, **disturbed, "overrides": overrides}, default=str) + "\n")
        self.lines.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the run to end; the durable operations that it began, and how it ended."""
        told: dict[str, Any] = json.loads(self.lines.readline())
        return told

    def run(self, source: Path, root: Path, **options: Any) -> list[str]:
        """Start a run that is to end well, and wait for it; the durable operations that it began."""
        self.ask(source, root, **options)
        told = self.answer()
        assert (told["signal"], told["code"]) == (0, 0), self.said(root)
        begun: list[str] = told["begun"]
        return begun

    def journal(self, root: Path) -> Path:
        """Where its runs in a root write down what they begin."""
        return root.with_name(f"{root.name}.{self.number}.journal")

    def said(self, root: Path) -> str:
        """The end of what its runs in a root said."""
        return self.journal(root).with_suffix(".journal.stderr").read_text()[-3000:]


def kept(root: Path) -> Path:
    """Where runs in a root keep what is in it before some operations: a folder for each, by its number."""
    return root.with_name(f"{root.name}.kept")


@pytest.fixture(scope="session")
def zygotes() -> Iterator[Callable[[int], list[Zygote]]]:
    """Gives as many zygotes as are asked for, twins of one process that is started once."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=HOUSE,
        )
    started: list[Zygote] = []

    def give(count: int) -> list[Zygote]:
        while len(started) < count:
            started.append(Zygote(len(started), ours))
        return started[:count]

    yield give
    for zygote in started:
        zygote.lines.close()
    ours.close()
    process.wait(30)


Zygotes = Callable[[int], list[Zygote]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Prefect server."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as address:
        yield address


@pytest.fixture
def reported(server: str) -> Iterator[None]:
    """Flows that run in this process are reported to the server, instead of one that each process would start."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogHandler
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: server}):
        yield
        APILogHandler().flush()  # both would be sent after the server is gone
        EventsWorker.drain_all(timeout=5)


@pytest.fixture
def winnow(server: str, tmp_path: Path) -> Command:
    """Run `winnow` with arguments, in a folder of its own, against the server."""

    def run(*arguments: str | Path, **env: str) -> Done:
        before = processor_time()
        done = subprocess.run(
            [WINNOW, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PREFECT_API_URL": server, **env},
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr, processor_time() - before)

    return run


@pytest.fixture(scope="session")
def mess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source in two batches, with copies, near-copies across them, a broken file, and a video of two frames."""
    maker = Maker(tmp_path_factory.mktemp("mess") / "source")
    maker.photographs(11)
    maker.write("a-near.jpg", jpeg(cv2.resize(photograph(9), (80, 60), interpolation=cv2.INTER_AREA)))
    maker.write("z-copy.jpg", jpeg(photograph(1)))
    maker.write("cam/00003-broken.jpg", b"\xff\xd8 no")
    maker.write("cam/film.mp4", a_film(1.5))
    return maker.folder


@pytest.fixture(scope="session")
def undisturbed(mess: Path, zygotes: Zygotes) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """What is there after a run that nobody disturbed, and the durable operations that it took."""
    root = mess.parent / "undisturbed" / "r"
    root.parent.mkdir()
    begun = zygotes(1)[0].run(mess, root, **OPTIONS)
    yield everything(mess, root) | {"gates": verdicts(settings_for(mess, root))}, begun


def everything(source: Path, root: Path) -> dict[str, Any]:
    """All that has to be the same, tables and hand-off; the tables themselves are checked for doubled keys."""
    settings = settings_for(source, root, **OPTIONS)
    assert doubled_keys(settings) == {}
    assert read_log(opened(settings)).open_batches == []
    folder = root / "handoff"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.suffix != ".part"}
    return {**content(settings), "handoff": files}


def verdicts(settings: Any) -> list[dict[str, Any]]:
    sql = "SELECT subject, transition, expectation, success, observed FROM gates ORDER BY ALL"
    return rows(settings, sql)
