"""Videos of the report: damaged ones first, with what is known of each; frames without a row of their video too."""

from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from tasks.report.videos import read_videos, told

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def connected(videos: list[dict[str, object]]) -> duckdb.DuckDBPyConnection:
    """Three frames of one video, two of another, and rows of the table of videos."""
    connection = duckdb.connect()
    frames = [{"media": "frame", "video_uri": f"file:///{name}.mp4", "ingested_at": NOW} for name in "aaabb"]
    connection.register("samples", pa.Table.from_pylist([*frames, {"media": "image", "video_uri": None}]))
    text = ("uri", "codec", "container", "recipe", "damage", "sensor_id")
    numbers = ("duration_s", "fps", "frames", "frames_taken", "width", "height")
    schema = pa.schema(
        [(name, pa.string()) for name in text]
        + [(name, pa.float64() if name in ("duration_s", "fps") else pa.int64()) for name in numbers]
        + [(name, pa.timestamp("us", "UTC")) for name in ("captured_at", "ingested_at")]
    )
    connection.register("videos", pa.Table.from_pylist(videos, schema=schema))
    return connection


def test_videos__damaged_first_and_told_in_one_line() -> None:
    whole = {"uri": "file:///a.mp4", "duration_s": 12.3, "frames": 300, "frames_taken": 4, "fps": 25.0, "width": 640}
    whole |= {"height": 480, "codec": "h264", "sensor_id": "cam", "captured_at": NOW, "ingested_at": NOW}
    broken = {"uri": "file:///c.mp4", "damage": "no frame after 2 s", "ingested_at": NOW}
    shown, count = read_videos(connected([whole, broken]))
    assert count == 3
    assert [(video.uri, video.samples) for video in shown] == [
        ("file:///c.mp4", 0),
        ("file:///a.mp4", 3),
        ("file:///b.mp4", 2),
    ]
    assert shown[0].facts["damage"] == "no frame after 2 s"
    assert told(shown[1]) == (
        "12.3 s, 640 x 480, 25 frames/s, h264, 300 frames, 4 taken, 3 are samples, cam, 2026-03-04 05:06"
    )
    assert told(shown[2]) == "2 are samples"


def test_videos__none() -> None:
    connection = connected([])
    connection.unregister("samples")
    connection.register("samples", pa.table({name: pa.array([], kind) for name, kind in SAMPLES.items()}))
    assert read_videos(connection) == ([], 0)


SAMPLES = {"media": pa.string(), "video_uri": pa.string(), "ingested_at": pa.timestamp("us", "UTC")}
