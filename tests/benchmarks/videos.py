"""Key frames of a 1080p video, to staged rows and kept pictures, against a bare pipe out of ffmpeg."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tasks.ingest.decode_video import ffmpeg_program
from tasks.ingest.measure_file import Job
from tasks.ingest.measure_video import VideoJob, measure_videos
from tasks.ingest.settings import VideoSettings
from tasks.store.folder import Folder
from tasks.store.root import open_root
from tasks.store.storage import to_uri
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.processes import metered
from tests.films import film, remade

SECONDS, TIMES = 20, 6
GRAINY = "testsrc2=s=1920x1080:r=30,noise=alls=12:allf=t"
"""A moving pattern with the grain of a camera."""


def measured(place: Path) -> Iterator[Result]:
    """Two minutes of video, a key frame every two seconds; both sides may use every processor."""
    options = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "60", "-sc_threshold", "0")
    part = film(place / "part.mp4", *options, source=GRAINY, seconds=SECONDS)
    video = remade(place / "film.mp4", part, "-c", "copy", before=("-stream_loop", str(TIMES - 1)))
    length = SECONDS * TIMES
    numbers = itertools.count()
    threads = str(min(os.cpu_count() or 1, 8))

    def ours() -> float:
        root = open_root(place / f"root-{next(numbers)}", create=True)
        entry = Folder().stat(to_uri(video))
        file = Job(entry.uri, entry.version, entry.byte_size, 0, 256, 10**10, 10**8, False, "UTC")
        planned = pa.table({"object_id": ["o"], "said": pa.array([None], pa.string())})
        job = VideoJob(file, root, root.at("staging", "b"), planned, "b", VideoSettings(mode="keyframes"), frozenset())
        rows: list[dict[str, object]] = []
        spent = seconds_of(lambda: rows.extend(measure_videos([job], None)))
        assert rows[0]["video"]["frames_taken"] == length // 2  # type: ignore[index]
        return spent

    def bare() -> float:
        command = [ffmpeg_program(), "-loglevel", "error", "-threads", threads, "-skip_frame", "nokey", "-i", video]
        command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, pipesize=2**20) as process:
            return seconds_of(lambda: _drain(process))

    cpu: tuple[list[float], list[float]] = [], []
    whole, limit = by_turns(metered(ours, cpu[0]), metered(bare, cpu[1]))
    detail = (
        f"video seconds a second {length / whole:.0f} of {length / limit:.0f}; a processor second "
        f"{length / min(cpu[0]):.0f} of {length / min(cpu[1]):.0f}: {min(cpu[1]) / min(cpu[0]):.2f}"
    )
    yield Result("key frames taken in / bare ffmpeg pipe, 1080p", limit / whole, 0.6, 0.4, detail)


def _drain(process: "subprocess.Popen[bytes]") -> None:
    """Read and drop everything."""
    buffer = bytearray(2**20)
    while process.stdout and process.stdout.readinto(buffer):  # type: ignore[attr-defined]
        pass
