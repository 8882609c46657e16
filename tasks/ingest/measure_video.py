"""One video: streamed once for its content_id, decoded once; its frames are measured as stills are, staged and kept.

What decodes is ffmpeg, in a process of its own. What is left for this one, in a thread of a run, are plain pixels.
"""

import functools
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import cv2
import pyarrow as pa

from tasks.image import thumbnail
from tasks.image.decode import Pixels, Undecodable
from tasks.ingest.decode_video import Died, Film, decoding
from tasks.ingest.ffmpeg_log import Header
from tasks.ingest.frames import PART_ROWS, STAGED_FRAMES, part_uri
from tasks.ingest.measure_file import Job, deferred, look, rejected
from tasks.ingest.metadata.overlay import overlaid
from tasks.ingest.settings import VideoSettings
from tasks.ingest.sniff import HEAD_BYTES, is_picture, is_video
from tasks.progress import advance
from tasks.store import staging
from tasks.store.errors import Unreachable
from tasks.store.ids import content_id_of, frame_id
from tasks.store.reasons import Reject
from tasks.store.root import Root
from tasks.store.storage import storage_for

OF_THE_VIDEO = (
    "duration_s", "frames", "frames_taken", "codec", "container", "width", "height", "fps", "rotation", "recipe",
    "damage",
)  # fmt: skip
"""Columns of videos that no object has; they are staged in `video`."""

A_PICTURE = "a picture"
"""Outcome of what is named like a video and is none: it is to be measured as a file."""

_MOST_THREADS = 8
"""That decode one video: each holds frames of its own."""


@dataclass(frozen=True)
class VideoJob:
    """One video to take frames of.

    Attributes:
        file: the object, and the settings that hold for stills too.
        root: whose media/ gets the pictures.
        folder: URI below which its frames are staged.
        planned: its row of the plan, which may say more of it than its bytes do.
        batch: that it belongs to.
        settings: which frames, and the limits.
        known: content_ids of videos that the tables have already: one of them again is a copy, and is not decoded.
    """

    file: Job
    root: Root
    folder: str
    planned: pa.Table
    batch: str
    settings: VideoSettings
    known: frozenset[str]


def measure_videos(jobs: list[VideoJob], workers: int | None) -> Iterator[dict[str, Any]]:
    """The rows of all jobs, in order (see `measure_video`); `workers` at a time, one a processor if None."""
    processors = os.cpu_count() or 1
    at_once = min(workers or processors, len(jobs)) or 1
    threads = min(max(1, processors // at_once), _MOST_THREADS)
    yield from _crew(workers or processors).map(lambda job: measure_video(job, threads), jobs)


def measure_video(job: VideoJob, threads: int = 1) -> dict[str, Any]:
    """The columns of objects that come from the bytes, and in `video` OF_THE_VIDEO; stages and keeps its frames.

    Its outcome is video, copy, reject, deferred or A_PICTURE.
    """
    if job.file.byte_size > job.settings.max_bytes:
        return rejected(Reject.TOO_LARGE, f"{job.file.byte_size} bytes")
    try:
        with storage_for(job.file.uri).local_copy(job.file.uri, job.file.version) as file:
            return _measured(job, file, threads)
    except Unreachable as error:
        return deferred(job.file, error)


@functools.cache
def _crew(workers: int) -> ThreadPoolExecutor:
    """One a process of ours, so that shards side by side do not decode more videos at once than one alone."""
    return ThreadPoolExecutor(workers, "video")


def _measured(job: VideoJob, file: BinaryIO, threads: int) -> dict[str, Any]:
    head = file.read(HEAD_BYTES)
    if not head:
        return rejected(Reject.EMPTY, "0 bytes")
    if is_picture(head):
        return {"outcome": A_PICTURE}
    video_id = content_id_of(file)
    known = {"content_id": video_id, "byte_size": file.tell()}
    if video_id in job.known:
        return known | {"outcome": "copy"}
    try:
        return known | _taken(job, file, threads, known)
    except Undecodable as error:
        cut = error.reason == Reject.NOT_A_VIDEO and is_video(head)
        return known | rejected(Reject.DAMAGED if cut else error.reason, error.detail)


def _taken(job: VideoJob, file: BinaryIO, threads: int, known: dict[str, Any]) -> dict[str, Any]:
    """Decode; once more if ffmpeg dies, which may have been somebody else's doing. Raises Undecodable."""
    try:
        return _decoded(job, file, threads, known)
    except Died:
        try:
            return _decoded(job, file, 1, known)
        except Died as death:
            raise Undecodable(Reject.DECODER_CRASH, f"ffmpeg ended with {death}, twice") from death


def _decoded(job: VideoJob, file: BinaryIO, threads: int, known: dict[str, Any]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    size = (0, 0)
    time_s = 0.0
    taken = 0
    with decoding(file, job.settings, threads) as film:
        for time_us, pixels in _followed(film, _chosen(film.frames(job.file.max_pixels), job.settings)):
            if not taken:
                recording = _recording(job, film.header, known["content_id"])
                size = (pixels.shape[1], pixels.shape[0])
            rows.append(_frame(job, recording, time_us, pixels))
            taken, time_s = taken + 1, time_us / 1e6
            if len(rows) == PART_ROWS:
                _stage(job, taken, rows)
                rows = []
        frames, damage = film.finish(taken)
        header = film.header
    if rows:
        _stage(job, taken, rows)
    video = {
        "duration_s": header.duration_s,
        "frames": frames,
        "frames_taken": taken,
        "codec": header.codec,
        "container": header.container,
        "width": size[0],
        "height": size[1],
        "fps": header.fps,
        "rotation": header.rotation,
        "recipe": job.settings.recipe,
        "damage": "; ".join(filter(None, (_shortfall(job.settings, header, time_s), damage))) or None,
    }
    about = {name: recording[name] for name in ("captured_at", "sensor_id", "sequence_id", "metadata")}
    return {"outcome": "video", **about, "video": video}


def _recording(job: VideoJob, header: Header, video_id: str) -> dict[str, Any]:
    """What all frames have in common, as columns of samples, and the object that they belong to."""
    make, model = header.camera()
    about = {"make": make, "model": model, "codec": header.codec, "container": header.container}
    where = header.position() if job.file.keep_gps else None
    return {
        "object_id": job.planned["object_id"][0].as_py(),
        "source_uri": job.file.uri,
        "video_uri": job.file.uri,
        "media": "frame",
        "format": "JPEG",
        "mode": "RGB",
        "captured_at": header.captured_at(ZoneInfo(job.file.timezone)),
        "sensor_id": " ".join(filter(None, (make, model))) or None,
        "sequence_id": video_id,
        "metadata": json.dumps({name: value for name, value in about.items() if value}),
        "lat": where[0] if where else None,
        "lon": where[1] if where else None,
        "batch_id": job.batch,
    }


def _chosen(frames: Iterable[tuple[int, Pixels]], settings: VideoSettings) -> Iterator[tuple[int, Pixels]]:
    """No two frames of one time, nor of one interval, whatever a stream that starts anew in the middle may give."""
    step = round(settings.every_s * 1e6) if settings.mode == "interval" else 1
    seen: set[int] = set()
    for time_us, pixels in frames:
        if time_us // step in seen:
            continue
        if len(seen) == settings.max_frames:
            raise Undecodable(Reject.TOO_MANY_FRAMES, f"more than {settings.max_frames}")
        seen.add(time_us // step)
        yield time_us, pixels


def _followed(film: Film, frames: Iterable[tuple[int, Pixels]]) -> Iterator[tuple[int, Pixels]]:
    """The same frames; tells how many seconds of the video are done."""
    done = total = 0
    for time_us, pixels in frames:
        if not total:
            total = max(1, int(film.header.duration_s or 0))
            advance("video s", 0, total)
        step = min(int(time_us / 1e6), total) - done
        if step > 0:
            advance("video s", step)
            done += step
        yield time_us, pixels
    if total > done:
        advance("video s", total - done)


def _frame(job: VideoJob, recording: dict[str, Any], time_us: int, pixels: Pixels) -> dict[str, Any]:
    """The row of a frame; its picture is kept, once, whichever run comes first."""
    video_id = recording["sequence_id"]
    sample_id = frame_id(video_id, time_us, job.settings.recipe)
    jpeg = thumbnail.encode(pixels, job.settings.quality)
    uri = job.root.at("media", video_id, f"{time_us / 1e6:012.3f}-{sample_id[:8]}.jpg")
    job.root.storage.create(uri, jpeg)
    begun = recording["captured_at"]
    return {
        **recording,
        "sample_id": sample_id,
        "uri": uri,
        "frame_time_s": time_us / 1e6,
        "captured_at": begun + timedelta(microseconds=time_us) if begun else None,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "byte_size": len(jpeg),
        **look(_halved(pixels, job.file.thumbnail_px), job.file.thumbnail_px),
    }


def _halved(pixels: Pixels, short_side: int) -> Pixels:
    """The picture halved as long as its short side stays long enough: a fifth of the cost of averaging at once."""
    while min(pixels.shape[:2]) >= 2 * short_side:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        pixels = cv2.resize(pixels[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return pixels


def _stage(job: VideoJob, taken: int, rows: list[dict[str, Any]]) -> None:
    """Stage the last `rows` of the `taken` frames so far."""
    uri = part_uri(job.folder, (taken - 1) // PART_ROWS)
    frames = pa.Table.from_pylist(rows, schema=STAGED_FRAMES)
    staging.write_rows(job.root, uri, overlaid(frames, job.planned))


def _shortfall(settings: VideoSettings, header: Header, last_s: float) -> str | None:
    """That the frames end long before the claimed end, where every interval has one."""
    missing = (header.duration_s or 0) - last_s
    if settings.mode != "interval" or missing < 2 * settings.every_s + 1:
        return None
    return f"it claims {header.duration_s:g} s, and its frames end at {last_s:g} s"
