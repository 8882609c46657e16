"""Blind second labels: which labels get one, and how many labels are wrong by what they say."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import sqrt

from tasks.store.ids import make_id

_CERTAINTY = 1.959963984540054
"""Standard deviations of a normal distribution on either side that hold 95 %."""


@dataclass(frozen=True)
class ErrorRate:
    """How many of the accepted labels are wrong.

    Attributes:
        labels: that were labelled a second time.
        wrong: of them.
        rate: share of wrong ones; None without any.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
    """

    labels: int
    wrong: int
    rate: float | None
    low: float
    high: float

    @property
    def words(self) -> str:
        """The rate as people say it; empty without any second label."""
        if self.rate is None:
            return ""
        return (
            f"By {self.labels:,} blind second labels {self.rate:.1%} of the labels are wrong "
            f"(95 % interval {self.low:.1%} to {self.high:.1%})."
        )


def drawn_blind(samples: Iterable[str], ontology: str, share: float, always: Collection[str] = ()) -> list[str]:
    """Samples whose label is made a second time, by someone who does not see the first: the same ones each time.

    A sample is drawn by the hash of its id, so that neither its label nor when it was labelled has a say.

    Args:
        samples: that have an accepted label.
        ontology: whose labels they are; each draws for itself.
        share: of the samples to draw, 0 to 1.
        always: samples that are drawn in any case, as those that models are tested on.
    """
    return [one for one in samples if one in always or int(make_id("blind", ontology, one)[:13], 16) < share * 16**13]


def error_rate(agree: Iterable[bool]) -> ErrorRate:
    """The rate of wrong labels and its interval, from what each blind second label says of the first.

    The interval is Wilson's, "Probable Inference, the Law of Succession, and Statistical Inference", 1927: it holds
    with few labels and none wrong, too.
    """
    verdicts = list(agree)
    n, wrong = len(verdicts), verdicts.count(False)
    if not n:
        return ErrorRate(0, 0, None, 0.0, 1.0)
    rate, square = wrong / n, _CERTAINTY**2
    middle = (rate + square / (2 * n)) / (1 + square / n)
    reach = _CERTAINTY * sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n)
    return ErrorRate(n, wrong, rate, max(0.0, middle - reach), min(1.0, middle + reach))
