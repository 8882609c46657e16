"""What the scripts of the page know besides the columns of the samples."""

import shlex
from typing import Any

import numpy as np

from tasks.report.days import MEASURES, Days, Sensor, written
from tasks.report.packing import safe_json
from tasks.report.points import STATUSES, Points
from tasks.report.sheets import ACROSS, CELL
from tasks.report.videos import Video
from tasks.store.root import Root
from tasks.store.storage import shown


def facts_of(
    root: Root, points: Points, columns: list[dict[str, Any]], pictures: list[str], days: Days, videos: list[Video]
) -> str:
    """JSON for a script element.

    Args:
        root: the commands that the page shows name it.
        points: the samples.
        columns: name, type and place of each packed column.
        pictures: addresses of the contact sheets, in their order.
        days: the sensors by day.
        videos: those that have a strip.
    """
    return safe_json(
        {
            "count": len(points.ids),
            "columns": columns,
            "names": points.names,
            "scales": points.scales,
            "statuses": STATUSES,
            "sheets": {"cell": CELL, "across": ACROSS, "urls": pictures},
            "days": {"days": days.days, "sensors": [_by_day(sensor) for sensor in days.sensors]},
            "videos": [video.uri for video in videos],
            "root_option": f"--root {shlex.quote(shown(root.uri))}",
        }
    )


def _by_day(sensor: Sensor) -> dict[str, Any]:
    """Values as people read them, None for a day that says nothing; and the places of the days out of the usual."""
    values, out = {}, {}
    for one in MEASURES:
        judged = sensor.judged[one.name]
        values[one.name] = [None if np.isnan(value) else written(one, value) for value in judged.values]
        out[one.name] = np.flatnonzero(judged.out).tolist()
    return {"name": sensor.name, "values": values, "out": out}
