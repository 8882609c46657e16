"""Videos made for tests, by ffmpeg itself: small, and made once a session where several tests want the same."""

import functools
import subprocess
import tempfile
from pathlib import Path

from tasks.ingest.decode_video import ffmpeg_program

PATTERN = "testsrc2=s=64x48:r=10"
"""A moving pattern, 64 x 48 pixels, ten frames a second."""

RED_AND_BLUE = "color=red:s=32x48:r=10[left];color=blue:s=32x48:r=10,[left]hstack=inputs=2"


def film(place: Path, *options: str, source: str = PATTERN, seconds: float = 3) -> Path:
    """Make a video of a source of ffmpeg's; `options` stand before the name of the file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    ffmpeg("-f", "lavfi", "-i", source, "-t", str(seconds), *options, str(place))
    return place


def remade(place: Path, origin: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    """Make a video of another one; `before` are options of reading it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    ffmpeg(*before, "-i", str(origin), *options, str(place))
    return place


@functools.cache
def a_film(seconds: float = 3) -> bytes:
    """An mp4 with a key frame each second, its index first."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("-pix_fmt", "yuv420p", "-g", "10", "-movflags", "+faststart")
        return film(Path(folder) / "a.mp4", *options, seconds=seconds).read_bytes()


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; it overwrites, and says nothing."""
    quiet = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
    subprocess.run([ffmpeg_program(), *quiet, *arguments], check=True)
