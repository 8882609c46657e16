"""Advice names what to do, and says nothing where there is nothing to do."""

import numpy as np

from tasks.learn.evaluate import advice
from tasks.learn.evaluate.calibration import Calibration

NAMES = ("dress", "pants", "skirt")


def test_more_data__the_class_that_is_missed_and_has_little_to_learn_from() -> None:
    tested = dict.fromkeys(NAMES, 20)
    recall = {"dress": 0.98, "pants": 0.97, "skirt": 0.5}
    (found,) = advice.more_data(recall, tested, {"dress": 100, "pants": 100, "skirt": 12})
    assert (found["what"], found["about"]) == ("more_data", "skirt")
    assert "50% of 20 are found" in found["words"]
    assert "12 to learn from" in found["words"]
    assert advice.more_data(recall, tested, dict.fromkeys(NAMES, 100)) == []
    assert advice.more_data(recall, dict.fromkeys(NAMES, 3), {"dress": 100, "pants": 100, "skirt": 12}) == []
    assert [one["about"] for one in advice.few_to_test(20)] == ["test"]
    assert advice.few_to_test(50) == []


def test_check_labels__suspects_and_classes_that_are_taken_for_each_other() -> None:
    confusion = np.array([[50, 0, 1], [0, 40, 10], [0, 3, 40]])
    found = advice.check_labels(4, NAMES, confusion)
    assert [one["about"] for one in found] == ["labels", "pants / skirt"]
    assert found[1]["words"].startswith("10 of 50 pants are taken for skirt")
    assert advice.check_labels(0, NAMES, None) == []


def test_calibrated__only_what_is_off_is_told() -> None:
    assert advice.calibrated(Calibration(1.0, 0.3, 0.05, [])) == advice.calibrated(None) == []
    (found,) = advice.calibrated(Calibration(1.0, 0.3, 0.2, []))
    assert "off by 20 points" in found["words"]
