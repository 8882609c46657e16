"""What is learnt from: the labels of a snapshot as arrays."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.labels.snapshot import Snapshot
from tasks.labels.values import Value, as_value, classes
from tasks.store.errors import UsageError


@dataclass(frozen=True)
class Examples:
    """The labelled samples of a snapshot, n rows in its order.

    Attributes:
        snapshot: where they are from.
        ids: sample ids.
        sides: (n,) train, validation or test.
        groups: what belongs together has one name.
        values: labels.
        there: (n, k) float32, 1 where the label names the class.
    """

    snapshot: Snapshot
    ids: list[str]
    sides: NDArray[np.str_]
    groups: list[str]
    values: list[Value]
    there: NDArray[np.float32]

    @property
    def codes(self) -> NDArray[np.int64]:
        """(n,) the class of each, of single classes."""
        codes: NDArray[np.int64] = self.there.argmax(axis=1).astype(np.int64)
        return codes

    def rows(self, *sides: str) -> NDArray[np.int64]:
        """Row numbers of some sides."""
        return np.flatnonzero(np.isin(self.sides, sides))


def examples_of(snapshot: Snapshot) -> Examples:
    """The examples of a snapshot.

    Raises:
        UsageError: it cannot be learnt from: masks, nothing to train on, or one class only.
    """
    if snapshot.label_type == "masks":
        raise UsageError(f"The labels of {snapshot.ontology} are masks, and Winnow trains no segmentation yet.")
    rows: list[dict[str, Any]] = snapshot.rows.to_pylist()
    values = [as_value(row["value"]) for row in rows]
    place = {name: code for code, name in enumerate(snapshot.classes)}
    there = np.zeros((len(rows), len(place)), np.float32)
    for row, value in enumerate(values):
        there[row, [place[name] for name in classes(value)]] = 1
    sides = np.array([row["side"] for row in rows], dtype=np.str_)
    examples = Examples(
        snapshot, [row["sample_id"] for row in rows], sides, [row["group"] for row in rows], values, there
    )
    _refuse_nothing_to_tell_apart(examples)
    return examples


def _refuse_nothing_to_tell_apart(examples: Examples) -> None:
    train = examples.there[examples.rows("train")]
    name = examples.snapshot.name
    if not len(train):
        raise UsageError(f"Snapshot {name} has nothing on its train side: label more, or name its sides otherwise.")
    counts = Counter({kind: int(n) for kind, n in zip(examples.snapshot.classes, train.sum(axis=0), strict=True) if n})
    if examples.snapshot.label_type == "class" and len(counts) < 2:
        raise UsageError(
            f"All {len(train)} samples to train on of snapshot {name} are {next(iter(counts))}: there is nothing to "
            "tell apart until another class has labels."
        )
    if not counts:
        raise UsageError(f"No sample to train on of snapshot {name} shows any of its classes: label some that do.")
    if len(train) < len(counts):
        raise UsageError(f"Snapshot {name} has fewer samples to train on than classes: label more.")
