"""One pass over one picture: read once, hash, decode, measure. Runs in a decoding process; a bad file is a row."""

import json
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from tasks.image import exif, thumbnail
from tasks.image.decode import Pixels, Undecodable, decode
from tasks.image.measure import measure
from tasks.image.phash import perceptual_hash
from tasks.image.ringhash import ring_hash
from tasks.ingest.sniff import HEAD_BYTES, is_video
from tasks.store.errors import Unreachable
from tasks.store.ids import content_id
from tasks.store.reasons import MAX_DEFERRALS, Reject
from tasks.store.storage import read_ahead, storage_for

A_VIDEO = "a video"
"""Outcome of what is named like a picture and is none: frames are to be taken of it."""


@dataclass(frozen=True)
class Job:
    """One file to read: the object, how often it could not be reached before, and the settings of its batch."""

    uri: str
    version: str
    byte_size: int
    deferrals: int
    thumbnail_px: int
    max_bytes: int
    max_pixels: int
    keep_gps: bool
    timezone: str


def measure_file(job: Job) -> dict[str, Any]:
    """The columns of objects and samples that come from the bytes; `outcome` is sample, reject, deferred or A_VIDEO."""
    if job.byte_size > job.max_bytes:
        return rejected(Reject.TOO_LARGE, f"{job.byte_size} bytes")
    try:
        content = storage_for(job.uri).read(job.uri, job.version)
    except Unreachable as error:
        return deferred(job, error)
    if is_video(content[:HEAD_BYTES]):
        return {"outcome": A_VIDEO}
    known = {"content_id": content_id(content), "byte_size": len(content)}
    try:
        return known | {"outcome": "sample"} | _columns(content, job)
    except Undecodable as error:
        return known | rejected(error.reason, error.detail)


def fetch_ahead(jobs: Sequence[Job]) -> None:
    """Have the files that come next fetched while one is decoded."""
    read_ahead((job.uri, job.version, job.byte_size) for job in jobs if job.byte_size <= job.max_bytes)


def rejected(reason: Reject, detail: str) -> dict[str, Any]:
    """The columns of a reject."""
    return {"outcome": "reject", "reason": reason.value, "detail": detail[:500]}


def deferred(job: Job, error: Unreachable) -> dict[str, Any]:
    """The columns of what could not be reached; a reject if that happened too often."""
    if job.deferrals + 1 >= MAX_DEFERRALS:
        return rejected(Reject.UNREACHABLE, str(error))
    return {"outcome": "deferred", "reason": error.reason, "detail": error.detail[:500]}


def look(pixels: Pixels, thumbnail_px: int) -> dict[str, Any]:
    """The columns of samples that come from upright pixels, (h, w, 3) uint8 RGB: hashes, thumbnail, measures."""
    small = thumbnail.shrink(pixels, thumbnail_px)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return {
        "phash": perceptual_hash(grey),
        "ringhash": ring_hash(grey),
        "thumbnail": thumbnail.encode(small),
        **measure(small, grey).__dict__,
    }


def _columns(content: bytes, job: Job) -> dict[str, Any]:
    picture = decode(content, max_pixels=job.max_pixels, short_side=job.thumbnail_px)
    where = exif.position(picture.exif) if job.keep_gps and picture.exif else None
    return {
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "mode": picture.mode,
        "captured_at": exif.captured_at(picture.exif, zoneinfo.ZoneInfo(job.timezone)) if picture.exif else None,
        "sensor_id": exif.camera(picture.exif),
        "metadata": json.dumps(exif.settings(picture.exif)) if picture.exif else "{}",
        "lat": where[0] if where else None,
        "lon": where[1] if where else None,
        **look(picture.pixels, job.thumbnail_px),
    }
