"""The gallery of errors: of each kind the surest, so that none hides another."""

from collections import Counter

import numpy as np

from tasks.learn.evaluate.boxes import box_answers
from tasks.learn.evaluate.errors import MOST_ERRORS, worst_errors
from tasks.learn.evaluate.material import Examined
from tasks.learn.evaluate.settings import EvaluateSettings

SIDES = {"class": "dog", "y": 0, "width": 10, "height": 10}


def test_worst_errors__a_detector_that_misses_much_shows_what_it_makes_up_as_well() -> None:
    pictures = 120
    labels = [{"boxes": [{**SIDES, "x": 0}]}] * pictures
    said = [{"boxes": [{**SIDES, "x": 50, "score": 0.6 + place / 1000}]} for place in range(pictures)]
    answers = box_answers(["dog"], labels, said)
    names = [f"s{place}" for place in range(pictures)]
    test = Examined(names, names, labels, np.arange(pictures), answers)
    told = worst_errors(test, answers.mistakes(), {}, EvaluateSettings())
    assert Counter(one["kind"] for one in told) == {"false_negative": MOST_ERRORS, "false_positive": MOST_ERRORS}
    made_up = [one["sample_id"] for one in told if one["kind"] == "false_positive"]
    assert made_up == names[::-1][:MOST_ERRORS]
