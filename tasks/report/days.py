"""Every sensor, day by day: which went bad, and since when."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.report.points import UNKNOWN
from tasks.report.usual import Judged, judge

SENSORS_SHOWN = 60
DAYS_SHOWN = 120

FEWEST = 5
"""A day with fewer samples says nothing of how a sensor sees."""


@dataclass(frozen=True)
class Measure:
    """What is followed from day to day.

    Attributes:
        name: as the page calls it.
        meaning: what the number is, with its unit.
        logarithmic: judged by ratios, not by differences.
        least: what is never out of the usual: so far from the median, in units of the value (or of its logarithm).
        only_up: less than usual is no trouble.
        form: how a value is written.
    """

    name: str
    meaning: str
    logarithmic: bool
    least: float
    only_up: bool
    form: str


MEASURES = (
    Measure("samples", "samples a day", True, 0.7, False, ".0f"),
    Measure("lag", "hours from capture to arrival, median", True, 0.7, True, ".3g"),
    Measure("rejects", "share of the files that became no sample", False, 0.05, True, ".0%"),
    Measure("duplicates", "share of the samples that repeat another", False, 0.15, True, ".0%"),
    Measure("brightness", "mean luma, median of the day", False, 0.06, False, ".2f"),
    Measure("contrast", "standard deviation of luma, median of the day", False, 0.04, False, ".2f"),
    Measure("sharpness", "standard deviation of the Laplacian, median of the day", False, 0.025, False, ".3f"),
)


@dataclass(frozen=True)
class Sensor:
    """One sensor: for every measure its days, judged; and in words what is out of its usual range now."""

    name: str
    samples: int
    judged: dict[str, Judged]
    alarms: list[str]


@dataclass(frozen=True)
class Days:
    """The days on which anything came, the sensors with those in trouble first, and how many sensors there are."""

    days: list[str]
    sensors: list[Sensor]
    all_sensors: int

    @property
    def alarms(self) -> list[tuple[str, str]]:
        """Sensor and words of whatever is out of its usual range now."""
        return [(sensor.name, alarm) for sensor in self.sensors for alarm in sensor.alarms]


def read_days(connection: Any) -> Days:
    """Count and judge every sensor; a day is the day of capture, else that of the file, in UTC."""
    rows = connection.sql(_DAYS).to_arrow_table()
    days = sorted(set(rows["day"].to_pylist()))
    sensors = [_sensor(name, part, days) for name, part in _by_sensor(rows)]
    sensors.sort(key=lambda sensor: (not sensor.alarms, -sensor.samples, sensor.name))
    first = max(0, len(days) - DAYS_SHOWN)
    shown = [
        Sensor(one.name, one.samples, {name: judged.from_day(first) for name, judged in one.judged.items()}, one.alarms)
        for one in sensors[:SENSORS_SHOWN]
    ]
    return Days(days[first:], shown, len(sensors))


def written(measure: Measure, value: float) -> str:
    """A value as people read it."""
    return format(value, measure.form).removesuffix("%") + (" %" if measure.form.endswith("%") else "")


_DAY = "strftime(timezone('UTC', {}), '%Y-%m-%d')"

_DAYS = f"""
    WITH stills AS (SELECT sample_id, min(modified_at) AS at FROM objects WHERE outcome = 'sample' GROUP BY sample_id),
    films AS (SELECT uri, max(modified_at) AS at FROM objects WHERE outcome = 'video' GROUP BY uri),
    seen AS (
        SELECT coalesce(s.sensor_id, '{UNKNOWN}') AS sensor,
            {_DAY.format("coalesce(s.captured_at, stills.at, films.at, s.ingested_at)")} AS day, s.*,
            epoch(s.ingested_at - s.captured_at) / 3600 AS lag, d.sample_id IS NOT NULL AS duplicate
        FROM samples s LEFT JOIN stills USING (sample_id) LEFT JOIN films ON films.uri = s.video_uri
        LEFT JOIN duplicates d USING (sample_id)),
    by_day AS (
        SELECT sensor, day, count(*) AS samples, median(lag) AS lag, stddev_samp(lag) AS lag_varies,
            avg(duplicate::INTEGER) AS duplicates, median(brightness) AS brightness,
            stddev_samp(brightness) AS brightness_varies, median(contrast) AS contrast,
            stddev_samp(contrast) AS contrast_varies, median(sharpness) AS sharpness,
            stddev_samp(sharpness) AS sharpness_varies
        FROM seen GROUP BY ALL),
    refused AS (
        SELECT coalesce(sensor_id, '{UNKNOWN}') AS sensor, {_DAY.format("modified_at")} AS day, count(*) AS refused
        FROM objects WHERE outcome = 'reject' AND modified_at IS NOT NULL GROUP BY ALL)
    SELECT sensor, day, coalesce(samples, 0)::DOUBLE AS samples, coalesce(refused, 0)::DOUBLE AS refused,
        * EXCLUDE (sensor, day, samples, refused)
    FROM by_day FULL JOIN refused USING (sensor, day) ORDER BY sensor, day"""


def _by_sensor(rows: pa.Table) -> list[tuple[str, pa.Table]]:
    names = pc.unique(rows["sensor"]).to_pylist()
    return [(name, rows.filter(pc.equal(rows["sensor"], name))) for name in names]


def _sensor(name: str, rows: pa.Table, days: list[str]) -> Sensor:
    """Judge one sensor. A day on which others sent something and it did not counts as a day without samples."""
    places = np.searchsorted(days, rows["day"].to_pylist())
    found = {column: _spread(rows[column], places, len(days)) for column in rows.column_names[2:]}
    samples, refused = (np.nan_to_num(found[column]) for column in ("samples", "refused"))
    samples[: places[0]] = np.nan
    seen = np.where(samples >= FEWEST, samples, np.nan)
    files = np.where(samples + refused >= FEWEST, samples + refused, np.nan)
    found |= {"samples": samples, "rejects": refused / files}
    noise = {"samples": np.zeros(len(days)), "rejects": 0.3 / np.sqrt(files), "duplicates": 0.3 / np.sqrt(seen)}
    judged = {}
    for one in MEASURES:
        values = found[one.name] if one.name in ("samples", "rejects") else found[one.name] + 0 * seen
        if one.name not in noise:  # of a median of values that are spread as a bell
            noise[one.name] = 1.25 * found[f"{one.name}_varies"] / np.sqrt(seen)
        judged[one.name] = judge(values, noise[one.name], one.least, logarithmic=one.logarithmic, only_up=one.only_up)
    alarms = [_in_words(one, judged[one.name], days) for one in MEASURES if judged[one.name].since is not None]
    return Sensor(name, int(np.nansum(samples)), judged, alarms)


def _spread(column: pa.ChunkedArray, places: NDArray[np.int64], days: int) -> NDArray[np.float64]:
    """Values at the places of their days, NaN on the others."""
    values = np.full(days, np.nan)
    values[places] = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    return values


def _in_words(measure: Measure, judged: Judged, days: list[str]) -> str:
    """`since 2026-03-04: brightness 0.18, usually 0.42-0.55`."""
    assert judged.since is not None
    worst = float(np.median(judged.values[judged.since :][judged.out[judged.since :]]))
    low, high = (written(measure, end) for end in judged.usual)
    usual = low if low == high else f"{low}\u2013{high}"
    return f"since {days[judged.since]}: {measure.name} {written(measure, worst)}, usually {usual}"
