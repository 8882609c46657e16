"""What the page knows of every sample, as columns: its place on the map, what became of it, when, by which sensor."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.report.projection import SIDE, Map
from tasks.report.sheets import Sheets

MOST = 100_000
"""The page shows so many samples at most: of more, a draw by a hash of their ids, and all that were selected."""

STATUSES = ("duplicate", "not compared yet", "kept", "outlier", "selected", "labelled")
"""What can become of a sample; on the map the later ones lie on top."""

QUALITY = ("brightness", "contrast", "sharpness", "entropy", "saturation", "megapixels")

UNKNOWN = "(unknown)"
"""Sensor of what names none."""

NOWHERE = 65_535
"""Both coordinates of what is not on the map."""

ASIDE = SIDE / 250
"""How far a duplicate without a vector is drawn from the sample that it repeats."""


@dataclass
class Points:
    """Samples in the order in which they were committed.

    Attributes:
        ids: sample_id of each.
        uris: where each came from.
        columns: arrays of that length, by name, as the scripts of the page read them.
        names: what the numbers in `sensor`, `day`, `selection` and `video` stand for.
        scales: lowest and highest value of each quality column, which is stored as 0 to 255.
    """

    ids: list[str]
    uris: list[str]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)


def read_samples(connection: Any, model: str | None) -> tuple[pa.Table, int]:
    """At most MOST samples with what is known of each, the first committed first; how many were left out.

    `embedded` says of which there is a vector of the model.
    """
    rows = connection.sql(_SAMPLES, params={"most": MOST, "model": model}).to_arrow_table()
    count = connection.sql("SELECT count(*) FROM samples").fetchall()[0][0]
    return rows, count - len(rows)


def still_there(connection: Any, samples: list[str]) -> set[str]:
    """Those of the samples that are samples still."""
    found = connection.sql(
        "SELECT sample_id FROM samples WHERE sample_id IN (SELECT unnest($samples))", params={"samples": samples}
    )
    return set(found.to_arrow_table()["sample_id"].to_pylist())


def points_of(rows: pa.Table, drawn: Map | None, outliers: Sequence[str]) -> Points:
    """The columns of the samples in `rows` (see `read_samples`)."""
    ids = rows["sample_id"].to_pylist()
    points = Points(ids, rows["source_uri"].to_pylist())
    repeats = pc.index_in(rows["kept_id"], value_set=pa.array(ids, pa.string())).fill_null(-1).to_numpy()
    points.columns["repeats"] = repeats.astype(np.int32)
    points.columns["status"] = _status(rows, outliers)
    points.columns |= _positions(ids, drawn, repeats)
    for name in ("sensor", "day", "selection", "video"):
        points.columns[name], points.names[name] = _numbered(rows[name])
    points.columns["rank"] = rows["rank"].fill_null(0).to_numpy().astype(np.uint32)
    points.columns["seconds"] = rows["seconds"].to_numpy().astype(np.float64)
    points.columns["frame"] = rows["frame_time_s"].fill_null(-1).to_numpy().astype(np.float32)
    points.columns["ratio"] = _ratio(rows["width"].to_numpy(), rows["height"].to_numpy())
    for name in QUALITY:
        values = rows[name].fill_null(0).to_numpy().astype(np.float64)
        low, high = (float(np.quantile(values, share)) for share in (0.005, 0.995)) if len(values) else (0.0, 1.0)
        high = high if high > low else low + 1
        points.scales[name] = (low, high)
        points.columns[name] = np.rint(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
    return points


def cells_of(sheets: Sheets, ids: list[str]) -> NDArray[np.uint32]:
    """In which cell of the contact sheets each sample is."""
    cells = pc.index_in(pa.array(ids, pa.string()), value_set=pa.array(sheets.ids, pa.string()))
    found: NDArray[np.uint32] = cells.to_numpy(zero_copy_only=False).astype(np.uint32)
    return found


_SAMPLES = f"""
    WITH drawn AS (
        SELECT sample_id FROM samples
        QUALIFY row_number() OVER (
            ORDER BY sample_id NOT IN (SELECT sample_id FROM selections), hash(sample_id), sample_id) <= $most),
    stills AS (SELECT sample_id, min(modified_at) AS at FROM objects WHERE outcome = 'sample' GROUP BY sample_id),
    films AS (SELECT uri, max(modified_at) AS at FROM objects WHERE outcome = 'video' GROUP BY uri),
    picks AS (SELECT sample_id, selection, rank FROM selections
        QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY created_at DESC, selection) = 1),
    places AS (SELECT batch_id, min(seq) AS seq FROM batches GROUP BY batch_id),
    dated AS (
        SELECT s.*, coalesce(s.captured_at, stills.at, films.at, s.ingested_at) AS taken, places.seq
        FROM samples s SEMI JOIN drawn USING (sample_id) LEFT JOIN stills USING (sample_id)
        LEFT JOIN films ON films.uri = s.video_uri LEFT JOIN places ON places.batch_id = s.batch_id)
    SELECT d.sample_id, d.source_uri, d.width, d.height, d.brightness, d.contrast, d.sharpness, d.entropy,
        d.saturation, d.width::DOUBLE * d.height / 1e6 AS megapixels, d.frame_time_s,
        CASE WHEN d.media = 'frame' THEN d.video_uri END AS video,
        coalesce(d.sensor_id, '{UNKNOWN}') AS sensor, strftime(timezone('UTC', d.taken), '%Y-%m-%d') AS day,
        coalesce(epoch(d.taken), 0)::DOUBLE AS seconds, picks.selection, picks.rank, r.kept_id,
        d.sample_id IN (SELECT sample_id FROM labels) AS labelled, d.sample_id IN (SELECT sample_id FROM kept) AS kept,
        d.sample_id IN (SELECT sample_id FROM embeddings WHERE model = $model) AS embedded
    FROM dated d LEFT JOIN picks USING (sample_id) LEFT JOIN duplicates r USING (sample_id)
    ORDER BY d.seq, d.sample_id"""


def _status(rows: pa.Table, outliers: Sequence[str]) -> NDArray[np.uint8]:
    """One of STATUSES for each: what matters most wins."""
    ids = rows["sample_id"]
    status = np.full(len(rows), STATUSES.index("not compared yet"), np.uint8)
    for name, holds in (
        ("kept", rows["kept"]),
        ("outlier", pc.is_in(ids, value_set=pa.array(outliers, pa.string()))),
        ("selected", pc.is_valid(rows["selection"])),
        ("labelled", rows["labelled"]),
        ("duplicate", pc.is_valid(rows["kept_id"])),
    ):
        status[holds.to_numpy().astype(bool)] = STATUSES.index(name)
    return status


def _positions(ids: list[str], drawn: Map | None, repeats: NDArray[Any]) -> dict[str, NDArray[np.uint16]]:
    """Where each is drawn; a duplicate without a vector lies beside what it repeats, always on the same side."""
    both = np.full((len(ids), 2), NOWHERE, np.uint16)
    if drawn is not None:
        places = pc.index_in(pa.array(ids, pa.string()), value_set=pa.array(drawn.ids, pa.string()))
        found = np.flatnonzero(pc.is_valid(places).to_numpy(zero_copy_only=False))
        both[found] = drawn.positions[places.drop_null().to_numpy()]
        for place in np.flatnonzero((repeats >= 0) & (both[:, 0] == NOWHERE)):
            if both[repeats[place], 0] != NOWHERE:
                angle = zlib.crc32(ids[place].encode()) * 2 * np.pi / 2**32
                aside = both[repeats[place]] + ASIDE * np.array([np.cos(angle), np.sin(angle)])
                both[place] = np.clip(np.rint(aside), 0, SIDE)
    return {"x": both[:, 0].copy(), "y": both[:, 1].copy()}


def _numbered(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """Texts as numbers, in alphabetical order, -1 for none; and the texts."""
    names = sorted(pc.unique(column.drop_null()).to_pylist())
    numbers = pc.index_in(column, value_set=pa.array(names, pa.string())).fill_null(-1)
    return numbers.to_numpy().astype(np.int32), names


def _ratio(width: NDArray[Any], height: NDArray[Any]) -> NDArray[np.uint8]:
    """Width by height as a logarithm, 128 for a square and 16 a doubling: how much of its cell a picture fills."""
    ratio = np.log2(np.maximum(width, 1) / np.maximum(height, 1))
    stored: NDArray[np.uint8] = np.clip(np.rint(128 + 16 * ratio), 0, 255).astype(np.uint8)
    return stored
