"""A video to upright RGB frames with their times: ffmpeg in a process of its own, within limits, without a network.

ffmpeg is given an open file by its number, never a name: of what the file says no program, path or address is opened.
Every picture comes through the pipe as PPM, which states its own size, so that a stream may change it on the way.
"""

import functools
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tasks.image.decode import Pixels, Undecodable
from tasks.ingest import limited
from tasks.ingest.ffmpeg_log import Header, Log
from tasks.ingest.settings import VideoSettings
from tasks.store.errors import Unreachable, UsageError, WinnowError
from tasks.store.reasons import Reject

CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "asf", "flv", "ogg", "mxf", "h264", "hevc", "av1",
    "obu", "ivf", "dv", "nut", "mjpeg", "yuv4mpegpipe",
)  # fmt: skip
"""Formats that are opened, by ffmpeg's names. Playlists (hls, dash, concat) and sequences of files are not."""

STILL_S = 300
"""Seconds without a byte and without work after which ffmpeg is given up."""

_PIPE_BYTES = 2**20
_LONGEST_SIDE = 65_000
"""Pixels: where JPEG ends."""

_STOPPED = 255
"""Exit code of ffmpeg if it was asked to end: what it gave is not all there is."""

_OUT_OF_MEMORY = ("Cannot allocate memory", "get_buffer() failed", "Resource temporarily unavailable")
"""What ffmpeg says, a memory limit among its limits, when it gets no more; the last for its threads."""

_SQUARE = "if(between(sar,0.25,4),sar,1)"
"""Width of a pixel over its height; what no camera makes counts as square."""


class Died(Exception):
    """ffmpeg was ended by a signal that it did not ask for."""


class Film:
    """A video that is being decoded."""

    def __init__(self, process: "subprocess.Popen[bytes]", times: BinaryIO, settings: VideoSettings) -> None:
        self._process = process
        self._times = times
        self._settings = settings
        self._cpu_s = -1.0
        self._log = Log()
        self._listener = threading.Thread(target=self._log.listen, args=(process.stderr,), daemon=True)
        self._listener.start()

    @property
    def header(self) -> Header:
        """What the container claims."""
        return self._log.header()

    def frames(self, max_pixels: int) -> Iterator[tuple[int, Pixels]]:
        """Presentation time in microseconds and pixels, (h, w, 3) uint8 RGB, of every frame that is taken.

        Raises:
            Undecodable: a frame has more than `max_pixels` pixels.
            Unreachable: ffmpeg stands still.
        """
        while size := self._size():
            if size[0] * size[1] > max_pixels or max(size) > _LONGEST_SIDE:
                raise Undecodable(Reject.TOO_MANY_PIXELS, f"{size[0]} x {size[1]}")
            pixels: Pixels = np.empty((size[1], size[0], 3), np.uint8)
            if self._fill(pixels.data.cast("B")) < pixels.nbytes:
                return
            time = self._time()
            if time is not None:
                yield time, pixels

    def finish(self, taken: int) -> tuple[int | None, str | None]:
        """Wait for the end; frames in the file, as far as it was read, and what ffmpeg complained of.

        Args:
            taken: frames that it gave; without any, the complaint is a reason.

        Raises:
            Undecodable: a limit was reached, or there is no frame.
            Died: something else ended ffmpeg.
            WinnowError: it was asked to end, as by Ctrl-C, or it could not be started.
        """
        _, status, used = os.wait4(self._process.pid, 0)
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self._listener.join()
        told = "; ".join(self._log.complaints())[:500]
        if code == -signal.SIGXCPU or used.ru_utime + used.ru_stime >= self._settings.max_cpu_s:
            raise Undecodable(Reject.CPU_LIMIT, f"more than {self._settings.max_cpu_s} s")
        if code in (limited.NOT_STARTED, 126, 127):
            raise WinnowError(f"ffmpeg cannot be started ({told or code}); `winnow doctor` looks into it.")
        if code < 0:
            raise Died(signal.Signals(-code).name)
        if code == _STOPPED and self._log.was_stopped:
            raise WinnowError("ffmpeg was told to stop; run the same command again to go on.")
        if code and any(words in told for words in _OUT_OF_MEMORY):
            raise Undecodable(Reject.MEMORY_LIMIT, told)
        if not taken:
            raise Undecodable(_reason(told, opened=self.header.container is not None), told or "no frame")
        return self._log.frames_read, told or None

    def _size(self) -> tuple[int, int] | None:
        """Width and height of the next picture; None at the end."""
        head = bytearray(1)
        lines: list[bytes] = [b""]
        while len(lines) <= 3:
            if not self._fill(memoryview(head)):
                return None
            if head == b"\n":
                lines.append(b"")
            else:
                lines[-1] += head
        width, height = lines[1].split()
        return int(width), int(height)

    def _time(self) -> int | None:
        """Microseconds; None if the frame has no time."""
        while line := self._times.readline():
            if line.startswith(b"frame:"):
                stated = line.partition(b"pts:")[2].split()[0]
                return int(stated) if stated != b"NOPTS" else None
        return None

    def _fill(self, view: memoryview) -> int:
        """Bytes read, fewer than asked for only at the end."""
        pipe: Any = self._process.stdout
        filled = 0
        while filled < len(view):
            self._wait(pipe)
            count = os.readv(pipe.fileno(), [view[filled:]])
            if not count:
                break
            filled += count
        return filled

    def _wait(self, pipe: BinaryIO) -> None:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while not poll.poll(STILL_S * 1000):
            before, self._cpu_s = self._cpu_s, _cpu_seconds(self._process.pid)
            if self._cpu_s == before:
                raise Unreachable("io_error", f"ffmpeg stood still for {STILL_S} s")


@contextmanager
def decoding(file: BinaryIO, settings: VideoSettings, threads: int) -> Iterator[Film]:
    """Start ffmpeg on an open file; it ends with the block, whatever happens.

    Args:
        file: of this machine, seekable.
        settings: which frames, and the limits.
        threads: that decode.
    """
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as times:
        try:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", limited.__file__),
                    *(str(limit) for limit in (int(settings.max_memory), settings.max_cpu_s, os.getpid())),
                    *_command(file.fileno(), write_end, settings, threads),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(file.fileno(), write_end),
                pipesize=_PIPE_BYTES,
            )
        finally:
            os.close(write_end)
        try:
            yield Film(process, times, settings)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


@functools.cache
def ffmpeg_program() -> str:
    """The system's ffmpeg if it is 5.1 or newer, else the one of the imageio-ffmpeg wheel. Raises UsageError."""
    found = shutil.which("ffmpeg")
    if found and b"-fps_mode" in subprocess.run([found, "-h", "long"], capture_output=True, check=False).stdout:
        return str(Path(found).resolve())
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise UsageError(
            "Videos need ffmpeg, 5.1 or newer: install it, or leave videos out of ingest.include."
        ) from error


def _command(source: int, times: int, settings: VideoSettings, threads: int) -> list[str]:
    """The command line; `source` and `times` are numbers of open files."""
    import ffmpeg

    only_keys = {"skip_frame": "nokey"} if settings.mode == "keyframes" else {}
    video = ffmpeg.input(
        f"/dev/fd/{source}",
        protocol_whitelist="file,pipe",
        format_whitelist=",".join(CONTAINERS),
        threads=threads,
        **only_keys,
    )
    filters = (
        "settb=AVTB",  # times in microseconds
        f"select='{_choice(settings)}'",
        f"scale=w='trunc(iw*max({_SQUARE},1)+0.5)':h='trunc(ih/min({_SQUARE},1)+0.5)'",
        "format=rgb24",
        "metadata=add:key=taken:value=1",  # nothing is printed of frames without any
        f"metadata=print:file=/dev/fd/{times}:direct=1",
    )
    pictures = ffmpeg.output(
        video["V:0"], "pipe:1", format="image2pipe", vcodec="ppm", vf=",".join(filters), fps_mode="passthrough"
    )
    quiet = pictures.global_args("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+verbose")
    command: list[str] = ffmpeg.compile(quiet, cmd=ffmpeg_program())
    return command


def _choice(settings: VideoSettings) -> str:
    """Expression of ffmpeg's filter `select`: which frames are taken."""
    match settings.mode:
        case "keyframes":
            return "key"
        case "scenes":
            return f"isnan(prev_selected_t)+gt(scene,{settings.scene_change!r})"
    step = round(settings.every_s * 1e6)
    return f"isnan(prev_selected_pts)+not(eq(floor(pts/{step}),floor(prev_selected_pts/{step})))"


def _reason(told: str, *, opened: bool) -> Reject:
    """Why there is no frame."""
    if "matches no streams" in told:
        return Reject.NO_VIDEO_STREAM
    return Reject.DAMAGED if opened or "moov atom not found" in told else Reject.NOT_A_VIDEO


def _cpu_seconds(pid: int) -> float:
    """Processor seconds of a process; 0 where nobody counts them."""
    try:
        with open(f"/proc/{pid}/stat") as status:
            fields = status.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
