"""Selections on the page: what was asked, what was reached, and what gave out first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.report.strategies import Strategy, samples, strategies_of
from tasks.store.log import Log

SHOWN = 12
"""The page tells of so many selections, the newest ones."""


@dataclass(frozen=True)
class Selection:
    """One selection.

    Attributes:
        name: its name.
        at: when it was committed.
        size: how many were asked for and selected, in sentences.
        ended: what ended the picks, in a sentence.
        is_short: whether there are fewer picks than were asked for.
        silent: which strategies had nothing to go by, in sentences.
        strategies: in the order of the settings, filters too.
    """

    name: str
    at: datetime | None
    size: str
    ended: str
    is_short: bool
    silent: list[str]
    strategies: list[Strategy]


@dataclass(frozen=True)
class Selections:
    """The newest selections, the newest first, and how many there are besides."""

    newest: list[Selection]
    more: int


def read_selections(log: Log) -> Selections:
    """What the log tells of selections; an older one, of which less was counted, has less to tell."""
    every = log.visible("select")[::-1]
    return Selections([_selection(log, name) for name in every[:SHOWN]], max(0, len(every) - SHOWN))


def hints_of(name: str, counts: Mapping[str, Any]) -> list[str]:
    """What who makes a selection should know: that it stays below its budget, that strategies had nothing to go by.

    Args:
        name: of the selection.
        counts: of its commit.
    """
    said = [_ended(counts)] if _is_short(counts) else []
    return [f"{name}: {sentence}" for sentence in [*said, *_silent(counts)]]


def _selection(log: Log, name: str) -> Selection:
    done = next(event for event in reversed(log.batches[name].events) if event.event == "committed")
    return Selection(
        name,
        done.at,
        _size(done.counts),
        _ended(done.counts),
        _is_short(done.counts),
        _silent(done.counts),
        strategies_of(done.counts),
    )


def _size(counts: Mapping[str, Any]) -> str:
    """How many were asked for, and how many are selected of how many."""
    size, selected = counts.get("size"), counts.get("selected", 0)
    if not size:
        return f"Selected: {samples(selected)}."
    wanted = samples(size["wanted"])
    if size["stated"] == -1:
        wanted = f"the whole pool, {wanted}"
    elif isinstance(size["stated"], str):
        wanted = f"{size['stated']} of the pool, {wanted}"
    room = f", and the label queue had room for {size['budget']:,}" if size["budget"] < size["wanted"] else ""
    testing = f", {size['testing']:,} of them for testing" if size["testing"] else ""
    gone = f" {size['picks'] - selected:,} more left the pool meanwhile." if size["picks"] > selected else ""
    return f"Asked for: {wanted}{room}. Selected: {selected:,} of the {size['pool']:,} in the pool{testing}.{gone}"


def _ended(counts: Mapping[str, Any]) -> str:
    size, stopped = counts.get("size"), counts.get("stopped")
    if not size:
        after = f"It ended after {counts.get('selected', 0):,} picks"
        return f"{after}: {stopped}." if stopped else "Nothing gave out before the budget or the pool did."
    after = f"It ended after {size['picks']:,} of {size['budget']:,} picks"
    if stopped:
        return f"{after}: {stopped}."
    if not _is_short(counts):
        return "The budget was reached: nothing gave out before."
    out = sum(counts.get("left_out", []))
    fewer = [f"{size['aside']:,} are set aside for testing"] if size["aside"] else []
    fewer += [f"filters left {out:,} out"] if out else []
    of_which = f", of which {' and '.join(fewer)}," if fewer else ""
    return f"{after}: the pool of {samples(size['pool'])}{of_which} has no more."


def _is_short(counts: Mapping[str, Any]) -> bool:
    size = counts.get("size")
    return bool(counts.get("stopped")) or (size is not None and size["picks"] < size["budget"])


def _silent(counts: Mapping[str, Any]) -> list[str]:
    return [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in counts.get("silent", [])]
