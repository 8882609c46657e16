"""Tables of vectors: each model has its own, because a column of vectors has one length."""

import pyarrow as pa

from tasks.store.table import TEXT, Column, Table


def embeddings(name: str, dimensions: int) -> Table:
    """The table of one model's vectors of samples."""
    return Table(
        f"embeddings_{name}",
        "one row per sample and model",
        "sample_id",
        (
            Column("sample_id", TEXT, "the sample"),
            Column("vector", pa.list_(pa.float16(), dimensions), "embedding, unit length"),
            Column("model", TEXT, "name of the model"),
            Column("batch_id", TEXT, "batch that embedded it"),
        ),
    )


def crops(name: str, dimensions: int) -> Table:
    """The table of one model's vectors of objects, as boxes and masks cut them out of samples."""
    return Table(
        f"crops_{name}",
        "one row per crop of a sample and model",
        "crop_id",
        (
            Column("crop_id", TEXT, "hash of sample_id and edges"),
            Column("sample_id", TEXT, "the sample that shows it"),
            Column("left", pa.int32(), "first column of pixels, of the upright original"),
            Column("top", pa.int32(), "first row of pixels"),
            Column("right", pa.int32(), "column behind the last one"),
            Column("bottom", pa.int32(), "row behind the last one"),
            Column("vector", pa.list_(pa.float16(), dimensions), "embedding, unit length"),
            Column("model", TEXT, "name of the model"),
            Column("batch_id", TEXT, "batch that embedded it"),
        ),
    )


OF_VECTORS = {"embeddings_": embeddings, "crops_": crops}
"""How the names of these tables begin, and what follows is the model's."""


def of_vectors(name: str, dimensions: int) -> Table:
    """One of these tables, by its name."""
    begin, made = next(pair for pair in OF_VECTORS.items() if name.startswith(pair[0]))
    return made(name.removeprefix(begin), dimensions)
