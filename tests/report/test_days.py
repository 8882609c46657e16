"""Sensors by day: which went bad, and since when, in words and in a picture."""

import numpy as np

from flows.settings import Settings
from tasks.report.days import MEASURES, read_days
from tasks.report.sparks import scale, spark
from tasks.store import views
from tests.pipeline import opened
from tests.report.scene import DARK_FROM, DAYS, SENSORS


def test_days__name_the_sensor_that_went_dark_and_since_when(made: Settings) -> None:
    days = read_days(views.connect(opened(made)))
    assert len(days.days) == DAYS
    [(sensor, words)] = days.alarms
    assert sensor == "cam-03"
    assert words.startswith(f"since {days.days[DARK_FROM]}: brightness 0.18, usually 0.4")
    assert days.sensors[0].name == "cam-03"
    assert {one.name for one in days.sensors} == set(SENSORS)
    assert np.nansum([one.judged["samples"].values for one in days.sensors]) == 600


def test_days__drawn_with_a_dot_for_every_day_outside(made: Settings) -> None:
    days = read_days(views.connect(opened(made)))
    brightness = next(one for one in MEASURES if one.name == "brightness")
    drawn = spark(days.sensors[0], brightness, *scale(days.sensors, brightness))
    assert drawn.dots.count("M") == DAYS - DARK_FROM
    assert drawn.alarm
    assert drawn.last == "0.18"
    assert drawn.words.endswith(f", {DAYS - DARK_FROM} days out of the usual range")
