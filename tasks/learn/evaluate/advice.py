"""Advice in plain words: which class or slice needs data, which labels need a look, what probabilities are worth."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.learn.evaluate.answers import Codes
from tasks.learn.evaluate.calibration import Calibration
from tasks.learn.evaluate.slices import Judged

Advice = dict[str, str]

FEW_TO_TEST = 50
"""Samples on the test side, below which figures say little."""

FEW_OF_CLASS = 5
"""Samples of a class, below which nothing is said of it."""

BEHIND = 0.05
"""By how much a class is worse than the mean of all, to be told."""

FEWER = 0.8
"""Share of what a class usually has to learn from, up to which it has too little."""

OFTEN = 0.1
"""Share of a class that is taken for one other class, to be told."""

OFF = 0.1
"""Calibration error from which probabilities are not to be used as they are."""

MOST = 5
"""Entries of one kind."""


def few_to_test(tested: int) -> list[Advice]:
    """Whether there is too little to test on."""
    if tested >= FEW_TO_TEST:
        return []
    words = f"Label more for testing: figures from {tested} samples say little, {FEW_TO_TEST} are few enough."
    return [{"what": "more_data", "about": "test", "words": words}]


def more_data(recall: Mapping[str, float], tested: Mapping[str, int], trained: Mapping[str, int]) -> list[Advice]:
    """Classes that are found less often than others and have fewer samples to learn from, the worst first.

    Args:
        recall: share of each class that is found, 0 to 1; NaN where there is none.
        tested: samples of each class on the test side.
        trained: the same of the side to train on.
    """
    advice = []
    known = [name for name in recall if tested[name] >= FEW_OF_CLASS]
    if not known:
        return []
    usual, mean = np.median(list(trained.values())), np.mean([recall[name] for name in known])
    for name in sorted(known, key=lambda one: recall[one]):
        if recall[name] < mean - BEHIND and trained[name] <= FEWER * usual:
            words = (
                f"Label more of {name}: {recall[name]:.0%} of {tested[name]} are found, {mean:.0%} of a class on "
                f"average, and it has {trained[name]} to learn from where others have {usual:.0f}."
            )
            advice.append({"what": "more_data", "about": name, "words": words})
    return advice[:MOST]


def check_labels(suspects: int, classes: Sequence[str], confusion: Codes | None) -> list[Advice]:
    """Labels that look wrong, and pairs of classes that are taken for each other."""
    advice = []
    if suspects:
        some = "1 label" if suspects == 1 else f"{suspects} labels"
        words = f"Look at {some} that the model is sure to be wrong: `winnow labels suspects` lists them."
        advice.append({"what": "check_labels", "about": "labels", "words": words})
    if confusion is None:
        return advice
    sizes = confusion.sum(axis=1)
    often = (confusion >= np.maximum(OFTEN * sizes, 2)[:, None]) & (sizes >= FEW_OF_CLASS)[:, None]
    np.fill_diagonal(often, val=False)
    for row, column in sorted(np.argwhere(often).tolist(), key=lambda one: -int(confusion[tuple(one)])):
        words = (
            f"{confusion[row, column]} of {sizes[row]} {classes[row]} are taken for {classes[column]}: see whether "
            "their labels follow one rule, and say in the ontology where one ends and the other begins."
        )
        advice.append({"what": "check_labels", "about": f"{classes[row]} / {classes[column]}", "words": words})
    return advice[:MOST]


def weak_slices(slices: Sequence[Judged]) -> list[Advice]:
    """Slices that the model is significantly worse at."""
    return [
        {
            "what": "slice",
            "about": one.name,
            "words": f"Label more with {one.name}: the model is right about {one.value:.0%} of {one.n}, and about "
            f"{one.rest:.0%} of the others.",
        }
        for one in slices
        if one.worse
    ][:MOST]


def calibrated(found: Calibration | None) -> list[Advice]:
    """Whether probabilities can be used as they are."""
    if found is None or found.after < OFF:
        return []
    words = f"Do not rely on probabilities: even calibrated they are off by {100 * found.after:.0f} points on average."
    return [{"what": "calibration", "about": "probabilities", "words": words}]
