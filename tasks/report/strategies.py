"""Strategies of a selection in words: how each was asked for, and what came of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FILTERS = ("threshold", "tags")


@dataclass(frozen=True)
class Share:
    """A category's share of all that is chosen, and the one that was asked for, if that is known."""

    category: str
    reached: float
    wanted: float | None


@dataclass(frozen=True)
class Strategy:
    """One strategy or filter.

    Attributes:
        name: as the sentence calls it that says what ended the picks.
        asked: how it was asked for, in phrases.
        strength: its exponent; None of a filter.
        reached: what came of it, in words; empty where there is nothing to say.
        shares: of the categories, of `balance`.
    """

    name: str
    asked: list[str]
    strength: float | None
    reached: str
    shares: list[Share]


def strategies_of(counts: Mapping[str, Any]) -> list[Strategy]:
    """Strategies and filters in the order of the settings.

    Args:
        counts: of the commit of a selection; what an older one lacks is not told.
    """
    size, left_out = counts.get("size"), list(counts.get("left_out", []))
    stays = size["pool"] - size["aside"] if size else 0
    reached = dict(counts.get("reached", {}))
    entries = [_entry(one) for one in counts.get("asked", [])]
    asked_to_draw = any(kind == "random" for kind, _ in entries)
    draws = ("random (2)" if asked_to_draw else "random") in reached
    measured = [_taken(kind, asked, reached, draws=draws) for kind, asked in entries]
    told = []
    for (kind, asked), found in zip(entries, measured, strict=True):
        if kind in FILTERS:
            out = left_out.pop(0) if left_out else 0
            words = f"left out {out:,} of {samples(stays)}" if size else ""
            stays -= out
            told.append(Strategy(_name(kind, asked), _phrases(kind, asked), None, words, []))
        else:
            told.append(_strategy(kind, asked, found))
    return told


def samples(count: int) -> str:
    """So many."""
    return f"{count:,} sample{'' if count == 1 else 's'}"


def _entry(stated: Any) -> tuple[str, dict[str, Any]]:
    """The kind of a strategy, and what was asked of it besides the defaults."""
    if isinstance(stated, dict) and stated:
        kind, asked = next(iter(stated.items()))
        return str(kind), dict(asked or {})
    return str(stated), {}


def _taken(kind: str, asked: Mapping[str, Any], reached: dict[str, Any], *, draws: bool) -> dict[str, Any]:
    """What a strategy reached, a number as `mean`; it is taken out of what all reached. `default` may draw as well."""
    name = "coverage" if kind == "default" else _name(kind, asked)
    again = re.compile(rf"{re.escape(name)}( \(\d+\))?")
    found = reached.pop(next((one for one in reached if again.fullmatch(one)), ""), {})
    found = dict(found) if isinstance(found, dict) else {"mean": found}
    if kind == "default" and draws:
        found["drawn"] = reached.pop("random")
    return found


def _name(kind: str, asked: Mapping[str, Any]) -> str:
    column = f" {asked['column']}" if "column" in asked else ""
    return f"{kind}{column}{' of crops' if asked.get('of') == 'crops' else ''}"


def _strategy(kind: str, asked: Mapping[str, Any], found: Mapping[str, Any]) -> Strategy:
    shares = _shares(found) if kind == "balance" else []
    words = _reached(kind, asked, found)
    return Strategy(_name(kind, asked), _phrases(kind, asked), asked.get("strength", 1.0), words, shares)


def _reached(kind: str, asked: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    match kind, found:
        case "weights", {"sum": total}:
            return f"sum over the picks {total:.4g}{_beside(total, asked.get('target_range', {}))}"
        case "diversity", {"least distance": least} if least < 2:
            return f"no pick nearer than {least:.3f} to what was chosen before it"
        case "coverage" | "default", {"before": before, "after": after}:
            chance = ", partly by chance: the vectors tell too little of the labels" if "drawn" in found else ""
            return f"{before:.1%} of the pool covered before, {after:.1%} after{chance}"
        case "typicality" | "similarity", {"mean": mean}:
            return f"mean {kind} of the picks {mean:.3f}"
    return ""


def _beside(total: float, wanted: Mapping[str, float]) -> str:
    if total < wanted.get("min_sum", total):
        return ", less than was asked for"
    return ", more than was asked for" if total > wanted.get("max_sum", total) else ""


def _shares(reached: Mapping[str, Any]) -> list[Share]:
    """Of the categories that are told, the largest first; an older selection does not tell what was wanted."""
    told = {name: found if isinstance(found, dict) else {"share": found} for name, found in reached.items()}
    return [Share(name, found["share"], found.get("wanted")) for name, found in told.items()]


_WORDS = {
    "at_least": "at least {:g}",
    "bigger_equal": "at least {:g}",
    "bigger": "above {:g}",
    "at_most": "at most {:g}",
    "smaller_equal": "at most {:g}",
    "smaller": "below {:g}",
    "min_distance": "nothing nearer than {:g}",
    "min_typicality": "nothing less typical than {:g}",
    "num_nearest_neighbors": "{} neighbours",
    "radius": "radius {:g}",
    "seed": "seed {}",
    "max_sum": "sum at most {:g}",
    "tag": "to samples with the tag {}",
    "selection": "to those of {}",
}

_LISTED = {"categories": "counting {}", "any": "with any of the tags {}", "none": "without the tags {}"}

_ENDS = {"min_sum": "sum at least {:g}", "max_sum": "sum at most {:g}"}

_DISTRIBUTIONS = {
    "uniform": "the same share for each",
    "input": "shares as in the pool",
    "target": "shares as named, the others share what remains",
}


def _phrases(kind: str, asked: Mapping[str, Any]) -> list[str]:
    """What was asked of a strategy besides its name and strength."""
    said = [words.format(asked[name]) for name, words in _WORDS.items() if name in asked]
    said += [words.format(", ".join(asked[name])) for name, words in _LISTED.items() if name in asked]
    ends = asked.get("target_range", {})
    said += [words.format(ends[name]) for name, words in _ENDS.items() if name in ends]
    if "samples" in asked:
        said.append(f"to {samples(len(asked['samples']))} by their ids")
    if kind == "balance":
        said.append(_DISTRIBUTIONS[asked.get("distribution", "target" if asked.get("target") else "uniform")])
    return said
