"""Processes that run flows, may be killed, and answer what they did."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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
    """A process that forks a run for every question (see zygote.py)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HOUSE,
        )

    def ask(self, source: Path, root: Path, *, kill_at: int = 0, locked: bool = True, **overrides: Any) -> None:
        """Start a run; kill it before its `kill_at`-th durable operation."""
        assert self.process.stdin is not None
        journal = root.with_name(f"{root.name}.{self.process.pid}.journal")
        asked = {"source": source, "root": root, "journal": journal, "kill_at": kill_at, "locked": locked}
        self.process.stdin.write(json.dumps({**asked, "overrides": overrides}, default=str) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the run to end; the durable operations that it began, and how it ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line == "ready\n":
            line = self.process.stdout.readline()
        told: dict[str, Any] = json.loads(line)
        return told

    def run(self, source: Path, root: Path, **options: Any) -> list[str]:
        """Start a run that is to end well, and wait for it; the durable operations that it began."""
        self.ask(source, root, **options)
        told = self.answer()
        journal = root.with_name(f"{root.name}.{self.process.pid}.journal.stderr")
        assert (told["signal"], told["code"]) == (0, 0), journal.read_text()[-3000:]
        begun: list[str] = told["begun"]
        return begun


@pytest.fixture(scope="session")
def zygotes() -> Iterator[Callable[[int], list[Zygote]]]:
    """Gives as many zygotes as are asked for; they are started once."""
    started: list[Zygote] = []

    def give(count: int) -> list[Zygote]:
        while len(started) < count:
            started.append(Zygote())
        return started[:count]

    yield give
    for zygote in started:
        assert zygote.process.stdin is not None
        zygote.process.stdin.close()
        zygote.process.wait(30)


Zygotes = Callable[[int], list[Zygote]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Prefect server."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as address:
        yield address


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
