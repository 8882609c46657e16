"""The table of videos; the others are in schema.py."""

import pyarrow as pa

from tasks.store.table import JSON, TEXT, TIME, Column, Table

VIDEOS = Table(
    "videos",
    "one row per distinct video; its frames are samples with its video_uri",
    "video_id",
    (
        Column("video_id", TEXT, "content_id of the video"),
        Column("uri", TEXT, "the object that it came from"),
        Column("byte_size", pa.int64(), "bytes"),
        Column("duration_s", pa.float64(), "seconds, as the container claims; null if it claims none"),
        Column("frames", pa.int64(), "frames in the file, as far as it could be read; null if nobody counted"),
        Column("frames_taken", pa.int64(), "frames that became samples"),
        Column("codec", TEXT, "h264, hevc, vp9, ..., by ffmpeg's names"),
        Column("container", TEXT, "by ffmpeg's names"),
        Column("width", pa.int32(), "pixels of a frame, upright and of square pixels"),
        Column("height", pa.int32(), "pixels of a frame, upright and of square pixels"),
        Column("fps", pa.float64(), "frames a second, on average"),
        Column("rotation", pa.int32(), "degrees clockwise by which the stored picture was turned upright"),
        Column("recipe", TEXT, "how the frames were chosen: mode and step"),
        Column("damage", TEXT, "what ffmpeg complained of; null if it did not"),
        Column("metadata", JSON, "camera and so on, as the container states them"),
        Column("captured_at", TIME, "when the recording began; null if nothing says so"),
        Column("sensor_id", TEXT, "the camera"),
        Column("sequence_id", TEXT, "the recording: the video_id, unless metadata say otherwise"),
        Column("batch_id", TEXT, "batch that brought it"),
        Column("ingested_at", TIME, "when it was committed"),
    ),
)
