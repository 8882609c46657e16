"""One Parquet file with everything, pictures too: `embedding-atlas FILE --x x --y y --image thumbnail` shows it."""

import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.progress import advance
from tasks.store import tables
from tasks.store.root import Root

CHUNK = 1024
"""Rows written at a time: bounds the memory that their thumbnails take."""

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""How data sets of pictures in Parquet hold an image, as Hugging Face's `Image` feature does."""


def write_parquet(root: Root, place: Path, rows: pa.Table) -> None:
    """Write the rows with their thumbnails, in one step: the file is there when it is whole.

    Args:
        root: where the dataset is.
        place: the file.
        rows: columns of `chosen_samples`.
    """
    samples = tables.open_table(root, "samples")
    beside = place.with_name(f".{uuid.uuid4().hex}.part")
    schema = rows.schema.append(pa.field("thumbnail", _IMAGE))
    try:
        with pq.ParquetWriter(beside, schema, compression="zstd") as writer:
            for start in range(0, len(rows), CHUNK):
                part = rows.slice(start, CHUNK)
                ids = part["sample_id"].to_pylist()
                jpegs = tables.lookup(samples, "sample_id", ids, ["thumbnail"])["thumbnail"].to_pylist()
                images = [{"bytes": jpeg, "path": f"{one}.jpg"} for one, jpeg in zip(ids, jpegs, strict=True)]
                writer.write_table(part.append_column("thumbnail", pa.array(images, _IMAGE)))
                advance("export", len(part))
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
