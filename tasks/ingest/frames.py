"""Frames of videos between the decoder and the commit: rows staged in parts, pictures below media/ of the root."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import staging
from tasks.store.root import Root
from tasks.store.schema import SAMPLES

STAGED_FRAMES = pa.schema(
    [pa.field("object_id", pa.string()), *(pa.field(field.name, field.type) for field in SAMPLES.schema)]
)
"""One row a frame: the object that is its video, and the columns of samples."""

PART_ROWS = 512
"""Frames in a staged file: a few megabytes of thumbnails, however long the video."""


def frames_folder(root: Root, batch: str, version: str, object_id: str) -> str:
    """Where the frames of one video are staged, beside the shards of the same settings and code version."""
    return root.at("staging", batch, "ingest", version, "frames", object_id)


def part_uri(folder: str, part: int) -> str:
    """Where one part of the frames is staged, from 0."""
    return f"{folder}/{part:06d}.parquet"


def frame_uris(root: Root, batch: str, version: str, rows: pa.Table) -> list[str]:
    """Where the frames of all videos among some staged rows are staged, part by part, in order."""
    uris = []
    videos = rows.filter(pc.equal(rows["outcome"], "video"))
    for row in videos.select(["object_id", "video"]).to_pylist():
        folder = frames_folder(root, batch, version, row["object_id"])
        uris += [part_uri(folder, part) for part in range(-(-row["video"]["frames_taken"] // PART_ROWS))]
    return uris


def are_whole(root: Root, batch: str, version: str, rows: pa.Table) -> bool:
    """Whether the frames of all videos among the staged rows of a shard are there, and every checksum holds."""
    return all(staging.read_rows(root, uri) is not None for uri in frame_uris(root, batch, version, rows))
