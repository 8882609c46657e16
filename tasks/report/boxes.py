"""Boxes over the pictures of a gallery: what a detector saw where nothing is, and what it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.evaluation import Mistake

WORDS = {"false_positive": "seen where it is not", "false_negative": "not seen"}


@dataclass(frozen=True)
class Box:
    """A box over a picture, cut at its edges.

    Attributes:
        left: percent of the picture's width.
        top: percent of its height.
        width: percent of its width.
        height: percent of its height.
        kind: of the mistake.
        words: what it is, as read aloud.
    """

    left: float
    top: float
    width: float
    height: float
    kind: str
    words: str


def boxes_of(connection: Any, mistakes: Sequence[Mistake]) -> dict[str, list[Box]]:
    """The boxes of mistakes, by sample; `connection` has the views."""
    drawn = [one for one in mistakes if one.box is not None]
    sizes = _sizes(connection, list(dict.fromkeys(one.sample_id for one in drawn)))
    boxes: dict[str, list[Box]] = {}
    for one in drawn:
        if one.sample_id in sizes:
            boxes.setdefault(one.sample_id, []).append(_box(one, *sizes[one.sample_id]))
    return boxes


def _sizes(connection: Any, samples: list[str]) -> dict[str, tuple[int, int]]:
    """Width and height of the originals, upright: boxes are in their pixels."""
    sql = "SELECT sample_id, width, height FROM samples WHERE list_contains(?, sample_id) AND width > 0 AND height > 0"
    return {sample: (width, height) for sample, width, height in connection.execute(sql, [samples]).fetchall()}


def _box(mistake: Mistake, width: int, height: int) -> Box:
    x, y, wide, high = mistake.box or (0, 0, 0, 0)
    left, right = (100 * _between(edge / width) for edge in (x, x + wide))
    top, bottom = (100 * _between(edge / height) for edge in (y, y + high))
    name = mistake.label or mistake.predicted or ""
    words = f"{name}, {WORDS.get(mistake.kind, mistake.kind)}, {left:.0f}% from the left and {top:.0f}% from the top"
    return Box(left, top, right - left, bottom - top, mistake.kind, words)


def _between(share: float) -> float:
    return min(max(share, 0.0), 1.0)
