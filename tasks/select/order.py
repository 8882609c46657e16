"""From a pool and strategies to picks in their order: filters first, then one greedy pass over what they leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.select.diversity import Diversity, Spreading, spread
from tasks.select.greedy import Passed, Term, pick_greedily
from tasks.select.pool import Pick, Pool
from tasks.select.settings import SelectSettings

BLIND = (
    "no sample of the pool has a crop: it takes boxes or masks, which the model predicts (another one, if select.model "
    "names it) with a score of select.box_score, and which `winnow predictions import` takes in"
)
"""Why strategies of crops pick nothing."""


@dataclass(frozen=True)
class Chosen:
    """Picks in their order, and what is told of the whole.

    Attributes:
        ids: sample ids.
        picks: in the same order.
        told: `asked`, the strategies as in the settings; `reached`, what the picks came to, by strategy, further ones
            of a name as `NAME (2)`; `left_out`, samples that each filter left out; `silent`, strategies that had
            nothing to go by, in words; `stopped`, what ended the pass before its budget, in words, or None.
    """

    ids: list[str]
    picks: list[Pick]
    told: dict[str, Any]


def ordered(pool: Pool, budget: int, settings: SelectSettings) -> Chosen:
    """Pick from a pool. Raises UsageError for a strategy that the pool has nothing for."""
    whole, left_out = len(pool), []
    for chosen in settings.filters:
        before, pool = len(pool), pool.where(chosen.keep(pool))
        left_out.append(before - len(pool))
    pool = replace(pool, budget=min(budget, len(pool)))
    blind = settings.of_crops and not pool.shows_anything
    terms = [term for strategy in settings.pickers for term in strategy.terms(pool)] if len(pool) and not blind else []
    passed = Passed(stopped=BLIND) if blind else _passed(pool, settings, terms)
    if len(pool) < min(budget, whole) and not passed.stopped:
        passed.stopped = f"threshold and tags leave {len(pool)} of {whole} samples"
    ids = pool.ids
    asked = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True).get("strategies", ["default"])
    told = {
        "asked": asked,
        "reached": _reached(terms),
        "left_out": left_out,
        "silent": _silent(terms),
        "stopped": passed.stopped,
    }
    return Chosen([ids[row] for row in passed.rows], _as_picks(terms, passed), told)


def _reached(terms: Sequence[Term]) -> dict[str, Any]:
    names = [term.objective.name for term in terms]
    counts = [names[:place].count(name) for place, name in enumerate(names)]
    named = [f"{name} ({count + 1})" if count else name for name, count in zip(names, counts, strict=True)]
    return {name: term.objective.reached() for name, term in zip(named, terms, strict=True)}


def _silent(terms: Sequence[Term]) -> list[str]:
    """Strategies that had nothing to say of any candidate; with all of them so, the first ids were picked."""
    mute = [one.objective for one in terms if one.objective.lacking is not None and one.objective.lacking.all()]
    told = [f"{one.name} chose nothing: every candidate {one.lacks}" for one in mute]
    if told and len(told) == len(terms):
        told[-1] += ", and the picks are the first ones by their ids"
    return told


def _passed(pool: Pool, settings: SelectSettings, terms: Sequence[Term]) -> Passed:
    return _farthest_first(pool, settings, terms) or pick_greedily(terms, len(pool), pool.budget)


def _farthest_first(pool: Pool, settings: SelectSettings, terms: Sequence[Term]) -> Passed | None:
    """Diversity alone, exactly as `pick_greedily` has it but for its first pick, in blocks of matrix products."""
    alone = settings.pickers[0] if len(settings.pickers) == 1 else None
    if not isinstance(alone, Diversity) or alone.of != "images" or alone.strength <= 0 or not terms:
        return None
    rows, distances = spread(pool.vectors, pool.chosen, pool.budget, alone.min_distance)
    objective = terms[0].objective
    assert isinstance(objective, Spreading)
    objective.least = min(distances, default=2.0)
    stopped = "diversity allows no further pick" if len(rows) < pool.budget else None
    return Passed(rows, [np.array([distance]) for distance in distances], [], stopped)


def _as_picks(terms: Sequence[Term], passed: Passed) -> list[Pick]:
    """With their gain: of one strategy, in its unit; of several, the product."""
    picks = []
    for number, (row, values) in enumerate(zip(passed.rows, passed.values, strict=True)):
        alone = len(terms) == 1
        gain = values[0] if alone else np.exp(np.clip(passed.scores[number], -700, 700))
        words = [term.words(row, value) for term, value in zip(terms, values, strict=True)]
        picks.append(Pick(row, float(gain), "; ".join(words)))
    return picks
