"""The videos of the report: what is known of each, for the strips of its frames."""

from dataclasses import dataclass
from typing import Any

MOST = 200
"""Videos that get a strip: damaged ones first, then the newest."""


@dataclass(frozen=True)
class Video:
    """One video: where it is, how many of its frames are samples, and what the table `videos` says of it."""

    uri: str
    samples: int
    facts: dict[str, Any]


def read_videos(connection: Any) -> tuple[list[Video], int]:
    """The videos to be shown, and how many there are."""
    rows = connection.sql(_VIDEOS).to_arrow_table().to_pylist()
    return [Video(row.pop("uri"), row.pop("samples"), row) for row in rows[:MOST]], len(rows)


def told(video: Video) -> str:
    """Duration, size, codec and frames in one line, as far as they are known."""
    facts = video.facts
    parts = [
        f"{facts['duration_s']:.1f} s" if facts["duration_s"] is not None else None,
        f"{facts['width']} x {facts['height']}" if facts["width"] else None,
        f"{facts['fps']:.3g} frames/s" if facts["fps"] else None,
        facts["codec"],
        f"{facts['frames']:,} frames" if facts["frames"] is not None else None,
        f"{facts['frames_taken']:,} taken" if facts["frames_taken"] is not None else None,
        f"{video.samples:,} are samples",
        facts["sensor_id"],
        facts["captured_at"].strftime("%Y-%m-%d %H:%M") if facts["captured_at"] else None,
    ]
    return ", ".join(str(part) for part in parts if part)


_VIDEOS = """
    WITH taken AS (
        SELECT video_uri, count(*) AS samples, max(ingested_at) AS newest FROM samples
        WHERE media = 'frame' AND video_uri IS NOT NULL GROUP BY video_uri),
    known AS (SELECT * FROM videos QUALIFY row_number() OVER (PARTITION BY uri ORDER BY ingested_at DESC) = 1)
    SELECT coalesce(k.uri, t.video_uri) AS uri, coalesce(t.samples, 0) AS samples, k.duration_s, k.frames,
        k.frames_taken, k.codec, k.container, k.width, k.height, k.fps, k.recipe, k.damage, k.sensor_id, k.captured_at
    FROM known k FULL JOIN taken t ON t.video_uri = k.uri
    ORDER BY coalesce(k.damage, '') = '', coalesce(t.newest, k.ingested_at) DESC, 1"""
