"""A made dataset for the report: sensors by day, one of which goes dark, videos, islands of alike pictures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from flows.settings import Settings
from tasks.select.pick import commit_selection, pick_samples
from tests.benchmarks.made_root import listed_files, made_root
from tests.made import jpeg, photograph
from tests.pipeline import settings_for

ISLANDS = 12
DAYS = 20
FIRST_DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)
DARK_FROM = 16
HOSTILE = '</script><img src=x onerror=alert(1)>\u2028"&'
SENSORS = ("cam-01", "cam-02", "cam-03", "cam-04", HOSTILE)
DARK = SENSORS.index("cam-03")
FILMING = SENSORS.index("cam-04")
DIMENSIONS = 336


def scene(folder: Path, count: int, root: str | None = None) -> Settings:
    """A root of `count` samples with a selection of 50, made without reading any file; its settings."""
    listed_files(folder / "source", count)
    made = settings_for(folder / "source", root or folder / "root", select__strategies=["random"], select__budget=50)
    made_root(made, dressed)
    staged = pick_samples.fn(made.root_uri, "selection-1", 50, made.select)
    commit_selection.fn(made.root_uri, "selection-1", staged)
    return made


def dressed(made: pa.Table) -> pa.Table:
    """Sensors, days, videos, pictures and vectors for the made rows."""
    chance = np.random.default_rng(7)
    number = np.arange(len(made))
    sensor, day, island = number % len(SENSORS), number // len(SENSORS) % DAYS, chance.integers(0, ISLANDS, len(made))
    taken = [
        FIRST_DAY + timedelta(days=int(one), seconds=int(place) % 3600) for one, place in zip(day, number, strict=True)
    ]
    dark = (sensor == DARK) & (day >= DARK_FROM)
    films = [f"file:///films/{HOSTILE.replace('/', '')}-{one % 4}.mp4" for one in day]
    columns = {
        "sensor_id": pa.array(SENSORS).take(pa.array(sensor)),
        "captured_at": pa.array(taken, pa.timestamp("us", "UTC")),
        "ingested_at": pa.array([one + timedelta(hours=2) for one in taken], pa.timestamp("us", "UTC")),
        "brightness": pa.array(np.where(dark, 0.18, 0.5 + chance.normal(0, 0.03, len(made)))),
        "media": pa.array(np.where(sensor == FILMING, "frame", "image")),
        "frame_time_s": pa.array(number.astype(float), mask=sensor != FILMING),
        "thumbnail": pa.array([jpeg(photograph(seed)) for seed in range(ISLANDS)]).take(pa.array(island)),
        "vector": column_of(vectors_of(island, chance)),
    }
    columns["video_uri"] = pa.array([film if one == FILMING else None for film, one in zip(films, sensor, strict=True)])
    for name, values in columns.items():
        made = made.drop_columns([name]) if name in made.column_names else made
        made = made.append_column(name, values)
    return made


def vectors_of(island: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Unit rows around the centres of their islands, (n, DIMENSIONS) float32."""
    centres = np.random.default_rng(0).normal(size=(ISLANDS, DIMENSIONS))
    vectors = centres[island] + 0.6 * chance.normal(size=(len(island), DIMENSIONS))
    unit: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def column_of(vectors: np.ndarray) -> pa.Array:
    """Vectors as the tables keep them."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).ravel(), pa.float16()), DIMENSIONS)
