"""Sensors by day: which went bad, and since when, in words and in a picture."""

import numpy as np
import pytest

from flows.settings import Settings
from tasks.report.days import MEASURES, Measure, read_days
from tasks.report.sparks import scale, spark
from tasks.report.usual import judge
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


FAULTS = {
    "samples": (200, 20),
    "lag": (2, 30),
    "rejects": (0.01, 0.3),
    "duplicates": (0.1, 0.6),
    "brightness": (0.5, 0.2),
    "contrast": (0.2, 0.08),
    "sharpness": (0.08, 0.03),
}
"""What a camera does, and what it does when the night was long, the line was down or the lens is dirty."""


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_measures__notice_a_fault_of_their_kind_and_not_a_tenth_more_or_less(measure: Measure) -> None:
    usual, fault = FAULTS[measure.name]
    varies = 1 + 0.1 * np.sin(np.arange(20))
    options = {"logarithmic": measure.logarithmic, "only_up": measure.only_up}
    assert judge(usual * varies, np.zeros(20), measure.least, **options).since is None
    went = np.concatenate([usual * varies, [fault, fault]])
    assert judge(went, np.zeros(22), measure.least, **options).since == 20
