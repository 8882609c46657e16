"""kill -9 at any instant, then the same command: nothing is lost, nothing doubled, nothing half visible."""

import os
import queue
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.store import tables
from tests.flows.conftest import OPTIONS, Zygote, Zygotes, everything, kept, verdicts
from tests.flows.servers import WINNOW
from tests.pipeline import opened, rows, settings_for

NAMED = (
    "create r/root.json", "plan.parquet", "insert batches planned ingest", "/000001.parquet", "insert gates", ".000-",
    ".samples.parquet", ".videos.parquet", "insert videos", "insert batches committing ingest", "insert objects",
    "insert batches committed ingest", "delete", "insert duplicates", "create choices/",
    "insert batches committed embed", "insert batches planned select", "insert selections", "label_studio.json",
)  # fmt: skip
"""Around plan, stage, gate and commit: the first durable operation of each name."""


def differences(
    points: dict[str, int], zygotes: list[Zygote], source: Path, place: Path, expected: dict[str, Any]
) -> dict[str, list[str]]:
    """Kill a run at each point, run again, compare: what is not the same, by point. A few points at a time."""
    free: queue.SimpleQueue[Zygote] = queue.SimpleQueue()
    for zygote in zygotes:
        free.put(zygote)

    def compare(point: tuple[str, int]) -> tuple[str, list[str]]:
        zygote = free.get()
        root = place / str(point[1]) / "r"
        root.parent.mkdir()
        try:
            zygote.ask(source, root, kill_at=point[1], **OPTIONS)
            assert zygote.answer()["signal"] == 9, point
            zygote.run(source, root, **OPTIONS)
        finally:
            free.put(zygote)
        found = everything(source, root) | {"gates": verdicts(settings_for(source, root))}
        shutil.rmtree(root.parent)
        return point[0], [name for name in expected if found[name] != expected[name]]

    with ThreadPoolExecutor(len(zygotes)) as pool:
        compared = dict(pool.map(compare, points.items()))
    return {name: different for name, different in compared.items() if different}


def test_kill__at_named_points(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path) -> None:
    """What a killed run leaves is what is there before the operation: one run gives it for all points."""
    expected, _ = undisturbed
    root = tmp_path / "one" / "r"
    root.parent.mkdir()
    zygotes(1)[0].run(mess, root, keep_at=NAMED, **OPTIONS)
    different = {}
    for number, name in enumerate(NAMED):
        shutil.rmtree(root)
        (kept(root) / str(number)).rename(root)
        zygotes(1)[0].run(mess, root, **OPTIONS)
        found = everything(mess, root) | {"gates": verdicts(settings_for(mess, root))}
        different[name] = [part for part in expected if found[part] != expected[part]]
    assert {name: parts for name, parts in different.items() if parts} == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill__before_every_durable_operation(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path) -> None:
    expected, begun = undisturbed
    assert len(begun) > 80
    points = {f"{place} {operation}": place for place, operation in enumerate(begun, 1)}
    assert differences(points, zygotes(3), mess, tmp_path, expected) == {}


def test_kill__again_and_again(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path) -> None:
    """One root, killed at the tenth operation of every run until a run gets to its end."""
    expected, _ = undisturbed
    (tmp_path / "one").mkdir()
    root = tmp_path / "one" / "r"
    for _ in range(60):
        zygotes(1)[0].ask(mess, root, kill_at=10, **OPTIONS)
        if zygotes(1)[0].answer()["signal"] == 0:
            break
    zygotes(1)[0].run(mess, root, **OPTIONS)
    found = everything(mess, root)
    assert {name for name in found if found[name] != expected[name]} == set()


def test_kill__no_orphan_is_visible(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path) -> None:
    """Between two merges of a commit the tables hold rows that no reader sees."""
    _, begun = undisturbed
    (tmp_path / "one").mkdir()
    root = tmp_path / "one" / "r"
    zygotes(1)[0].ask(mess, root, kill_at=begun.index("insert objects") + 1, **OPTIONS)
    zygotes(1)[0].answer()
    settings = settings_for(mess, root, **OPTIONS)
    dataset = tables.open_table(opened(settings), "samples")
    assert dataset is not None
    assert dataset.count_rows() > 0
    assert rows(settings, "SELECT * FROM samples") == []
    assert {row["outcome"] for row in rows(settings, "SELECT outcome FROM objects")} == {"pending"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill__the_command_at_random_instants(mess: Path, undisturbed: Any, server: str, tmp_path: Path) -> None:
    """The whole process group of `winnow run`, thirty times, anywhere between its start and its end."""
    expected, _ = undisturbed
    settings = [f"--set={name}={value}" for name, value in {**OPTIONS, "embed.model": "descriptor-1"}.items()]
    chance = random.Random(5)

    def start(root: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [WINNOW, "run", mess, "--root", root, *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PREFECT_API_URL": server},
            start_new_session=True,
        )

    def whole(root: Path) -> float:
        started = time.monotonic()
        assert start(root).wait(300) == 0
        return time.monotonic() - started

    longest = whole(tmp_path / "first")
    different = {}
    for number in range(30):
        root = tmp_path / str(number)
        instant = chance.uniform(1, longest)
        run = start(root)
        time.sleep(instant)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        whole(root)
        found = everything(mess, root)
        different[instant] = [name for name in found if found[name] != expected[name]]
        shutil.rmtree(root)
    assert {instant: names for instant, names in different.items() if names} == {}
