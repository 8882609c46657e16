"""Two hours of video in little memory: of the run, and of ffmpeg."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.films import film, remade

HOUSE = Path(__file__).parents[2]
MOST_BYTES = 10**9
HOURS = 2
PROGRAM = """
import logging, sys
from pathlib import Path
from tests.pipeline import curate, settings_for
logging.disable(logging.INFO)
summary = curate(settings_for(Path(sys.argv[1]), Path(sys.argv[2])))
print(summary.rejects, summary.counts["frames"])
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_long_video__stays_below_a_gigabyte(tmp_path: Path) -> None:
    """The peak of every process of a curate run; a frame a second is taken."""
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50")
    minute = film(tmp_path / "minute.mp4", *options, source="testsrc2=s=1920x1080:r=5", seconds=60)
    remade(tmp_path / "source" / "long.mp4", minute, "-c", "copy", before=("-stream_loop", str(HOURS * 60 - 1)))
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path / "source", tmp_path / "root"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
    )
    peaks: dict[str, int] = {}
    while run.poll() is None:
        for name, peak in _peaks(run.pid):
            peaks[name] = max(peaks.get(name, 0), peak)
        time.sleep(0.2)
    print({name: f"{peak / 1e6:.0f} MB" for name, peak in peaks.items()})
    assert run.stdout is not None
    assert run.returncode == 0
    assert abs(int(run.stdout.read().split()[-1]) - HOURS * 3600) <= 1
    assert max(peaks.values()) < MOST_BYTES
    assert any("ffmpeg" in name for name in peaks)


def _peaks(first: int) -> list[tuple[str, int]]:
    """Name and peak resident bytes of a process and all below it."""
    found, members = [], [first]
    for pid in members:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            for task in Path(f"/proc/{pid}/task").iterdir():
                members += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it has ended
        lines = dict(line.split(":", 1) for line in status.splitlines())
        if "VmHWM" in lines:
            found.append((f"{lines['Name'].strip()} {pid}", int(lines["VmHWM"].split()[0]) * 1024))
    return found
