"""One greedy pass over candidates, whose next pick has the highest product of objectives to their strengths."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.progress import advance

Places = NDArray[np.int64]
Values = NDArray[np.float64]
Change = Literal["never", "falls", "freely"]

FLOOR = 1e-12
"""Objectives count at least so much: a zero would make a product blind for all other objectives."""

MOST_AT_ONCE = 1024
"""Outdated candidates that are brought up to date together, at most."""


class Objective(Protocol):
    """How well each candidate serves one aim, given what is picked by now.

    Values are positive, and only their ratios count: no scale matters. A value of 0 says that the candidate must not be
    picked.

    Attributes:
        name: as in the settings.
        change: how the values of a candidate go on as others are picked.
        block: outdated candidates that are best brought up to date together.
        lacking: (n,) candidates of which there is nothing to say: they are picked after all others, whatever the
            strength; None where there are none.
        lacks: why that is, in words.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def change(self) -> Change: ...  # noqa: D102

    @property
    def block(self) -> int: ...  # noqa: D102

    @property
    def lacking(self) -> NDArray[np.bool_] | None: ...  # noqa: D102

    @property
    def lacks(self) -> str: ...  # noqa: D102

    def values(self, rows: Places) -> Values:
        """The objective of some candidates now."""

    def add(self, row: int) -> None:
        """A candidate is picked."""

    def ends(self, row: int) -> str | None:
        """Why the pass ends before this pick, in words; None if it goes on."""

    def words(self, value: float) -> str:
        """Why a pick of that value was picked."""

    def reached(self) -> object:
        """What the picks came to: a number, or numbers by name."""


@dataclass(frozen=True)
class Term:
    """An objective and its strength: the exponent of its values, negative to invert them."""

    objective: Objective
    strength: float = 1.0

    @property
    def is_lazy(self) -> bool:
        """Whether what was computed before is an upper bound of what it is now."""
        return self.objective.change == "never" or (self.objective.change == "falls" and self.strength >= 0)

    def scores(self, rows: Places) -> tuple[Values, Values]:
        """Strength times logarithm of the values, and the values; 0 both where there is nothing to say."""
        values = self.objective.values(rows)
        scores = np.where(values > 0, self.strength * np.log(np.maximum(values, FLOOR)), -np.inf)
        lacking = self.objective.lacking
        if lacking is None:
            return scores, values
        return np.where(lacking[rows], 0.0, scores), np.where(lacking[rows], 0.0, values)

    def words(self, row: int, value: float) -> str:
        """Why a candidate of that value was picked."""
        lacking = self.objective.lacking
        return self.objective.lacks if lacking is not None and lacking[row] else self.objective.words(value)


@dataclass
class Passed:
    """A greedy pass: rows in the order of their picks, values (picks, terms), and why it ended before its budget."""

    rows: list[int] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    stopped: str | None = None


def pick_greedily(terms: Sequence[Term], size: int, budget: int) -> Passed:
    """Pick again and again the candidate with the highest product of values to their strengths; of equals, the first.

    Lazy: as long as values only fall, an old one is an upper bound, and who is below another's is not looked at.
    Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.

    Args:
        terms: at least one.
        size: candidates.
        budget: picks at most.
    """
    running, passed = _Running(terms, size), Passed()
    while len(passed.rows) < min(budget, size):
        best = running.best()
        if best is None:
            passed.stopped = running.gave_out()
            break
        passed.stopped = "; ".join(why for term in terms if (why := term.objective.ends(best))) or None
        if passed.stopped:
            break
        passed.rows.append(best)
        passed.values.append(running.values[:, best].copy())
        passed.scores.append(float(running.total[best]))
        running.take(best)
        advance("select", 1)
    return passed


class _Running:
    """Scores of all candidates, some of them outdated.

    Attributes:
        values: (terms, n) of the objectives.
        total: (n,) logarithm of their products; minus infinity of what is picked already, and of what is not its turn.
        behind: (n,) how many objectives have nothing to say of a candidate: those with fewer are picked first.
        turn: how many that are of those whose turn it is.
    """

    def __init__(self, terms: Sequence[Term], size: int) -> None:
        self.terms, self.size = terms, size
        self.values = np.zeros((len(terms), size))
        self.parts = np.zeros((len(terms), size))
        self.fresh = np.zeros(size, np.int64)
        self.picked: list[int] = []
        self.lazy = [place for place, term in enumerate(terms) if term.is_lazy and term.objective.change == "falls"]
        self.eager = [place for place, term in enumerate(terms) if not term.is_lazy]
        every = np.arange(size)
        for place in range(len(terms)):
            self._bring_up_to_date(place, every)
        self.behind = np.zeros(size, np.int64)
        for term in terms:
            if term.objective.lacking is not None:
                self.behind += term.objective.lacking
        self.turn = int(self.behind.min(initial=0))
        self.total = self._totals()
        self.block = max((terms[place].objective.block for place in self.lazy), default=1)

    def best(self) -> int | None:
        """The candidate to pick next; None if there is none that may be picked."""
        block = self.block
        while True:
            best = int(np.argmax(self.total))
            if self.total[best] == -np.inf:
                if not (self.behind > self.turn).any():
                    return None
                self.turn = int(self.behind[self.behind > self.turn].min())
                self.total = self._totals()
                continue
            if not self.lazy or self.fresh[best] == len(self.picked):
                return best
            self._refresh(best, block)
            block = min(2 * block, MOST_AT_ONCE)

    def take(self, row: int) -> None:
        """Pick a candidate."""
        self.picked.append(row)
        for term in self.terms:
            term.objective.add(row)
        if self.eager:
            every = np.arange(self.size)
            for place in self.eager:
                self._bring_up_to_date(place, every)
            self.total = self._totals()
        self.total[row] = -np.inf

    def _totals(self) -> Values:
        total: Values = np.where(self.behind <= self.turn, self.parts.sum(axis=0), -np.inf)
        total[self.picked] = -np.inf
        return total

    def gave_out(self) -> str:
        """Which objectives allow no further candidate, in words: each of them alone, or else all that exclude some."""
        left = np.delete(np.arange(self.size), np.array(self.picked, np.int64))
        excluded = [(term.objective.name, np.isneginf(term.scores(left)[0])) for term in self.terms]
        alone = dict.fromkeys(name for name, rows in excluded if rows.all())
        named = " and ".join(alone or dict.fromkeys(name for name, rows in excluded if rows.any()))
        return f"{named} {'allows' if len(alone) == 1 else 'allow' if alone else 'together allow'} no further pick"

    def _refresh(self, best: int, block: int) -> None:
        """Bring the best, then its equals, then the next highest up to date: argpartition may give any of equals."""
        outdated = (self.fresh < len(self.picked)) & (self.total > -np.inf)
        rows = np.flatnonzero(outdated & (self.total == self.total[best]))[:block]
        if len(rows) < block:
            highest = np.argpartition(self.total, -min(block, self.size))[-min(block, self.size) :]
            rows = np.union1d(rows, highest[outdated[highest]])
        for place in self.lazy:
            self._bring_up_to_date(place, rows)
        self.total[rows] = self.parts[:, rows].sum(axis=0)
        self.fresh[rows] = len(self.picked)

    def _bring_up_to_date(self, place: int, rows: Places) -> None:
        self.parts[place, rows], self.values[place, rows] = self.terms[place].scores(rows)
