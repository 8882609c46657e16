"""What strategies name as `column`: a column of samples, a key of their metadata, or a figure of predictions."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as types
from numpy.typing import NDArray

from tasks.labels.values import Value, as_value, classes, shapes
from tasks.select.greedy import Values
from tasks.select.pool import Pool
from tasks.select.random_draw import chance_of
from tasks.store.errors import UsageError

PREDICTIONS, LABELS, METADATA, RANDOM = "predictions.", "labels.", "metadata.", "random"

WEAK = "findings.weak_slice"
"""How far the model is behind on the weakest slice that a sample is of, as its prediction and columns tell: 0 to 1."""

REPEATED = 0.25
"""What a further object of a class counts in object_frequency; the first one counts 1."""

LIKELY = 0.5
"""Probability from which a class counts as predicted. Of classes that exclude each other the likeliest always does."""

ROUNDING = 0.05
"""Probabilities of classes that exclude each other sum to 1, give or take as much where they were rounded."""


def numbers(pool: Pool, column: str, categories: Sequence[str] = ()) -> Values:
    """(n,) numbers of the pool's samples under a column; NaN where there is none.

    Args:
        pool: n samples.
        column: a numeric column of samples; a key of their metadata, with or without `metadata.` before it, with dots
            into what is nested; `random`; WEAK; or one of SCORES with `predictions.` before it.
        categories: classes of which objects are counted, all without; of predictions.object_count only.

    Raises:
        UsageError: there is no such column, or no number under it.
    """
    if column == RANDOM:
        return chance_of(pool.ids, 0)
    if column == WEAK:
        return _weakness(pool)
    if column.startswith(PREDICTIONS):
        return _scores(pool, column.removeprefix(PREDICTIONS), set(categories))
    numeric = [
        field.name for field in pool.columns.schema if types.is_integer(field.type) or types.is_floating(field.type)
    ]
    if column in numeric:
        stated: Values = pool.columns[column].to_numpy().astype(np.float64)
        return stated
    found = np.array([_number(one) for one in _under_key(pool.columns, column)], np.float64)
    if len(pool) and np.isnan(found).all():
        raise UsageError(
            f"select.strategies: column {column!r} is none of the numeric columns {', '.join(sorted(numeric))}, no "
            "figure of predictions, and no key under which the metadata of a sample has a number."
        )
    return found


def kinds(pool: Pool, column: str) -> tuple[list[Counter[str]], list[Counter[str]]]:
    """How often each category stands under a column: of each sample of the pool, and of each that was chosen before.

    Args:
        pool: n samples, and m that were chosen before.
        column: a column of samples or a key of their metadata, as above; `predictions.class`, for each object that a
            model predicts; or `labels.class`, for the labels of what was chosen and the predictions for the pool.

    Raises:
        UsageError: there is no such column.
    """
    if column in (f"{PREDICTIONS}class", f"{LABELS}class"):
        by_label = column.startswith(LABELS)
        return _predicted_kinds(pool, pool.columns), _predicted_kinds(pool, pool.before, labels=by_label)
    known = set(pool.columns.column_names) - {"sample_id", "metadata", "tags", "prediction"}
    found = []
    for table in (pool.columns, pool.before):
        stated: list[Any] = []
        if len(table):
            stated = table[column].to_pylist() if column in known else _under_key(table, column)
        found.append([Counter([str(one)[:200]]) if one is not None else Counter[str]() for one in stated])
    if len(pool) and not any(found[0]):
        raise UsageError(
            f"select.strategies: column {column!r} is no column of samples, no key of their metadata, and not "
            "predictions.class or labels.class."
        )
    return found[0], found[1]


def needs_predictions(column: str) -> bool:
    """Whether a model's predictions have to be read for a column."""
    return column.startswith((PREDICTIONS, LABELS)) or column == WEAK


def _weakness(pool: Pool) -> Values:
    found, predicted = np.zeros(len(pool)), _predicted_kinds(pool, pool.columns) if pool.weak else []
    for weak in pool.weak:
        members = np.ones(len(pool), bool)
        for asked in weak["asked"]:
            members &= _meets(pool, predicted, asked)
        found[members] = np.maximum(found[members], weak["behind"])
    return found


def _meets(pool: Pool, predicted: list[Counter[str]], asked: Mapping[str, Any]) -> NDArray[np.bool_]:
    if "class" in asked:
        return np.array([asked["class"] in one for one in predicted], bool)
    column = asked["column"]
    known = column in pool.columns.column_names
    stated = pool.columns[column].to_pylist() if known else _under_key(pool.columns, column)
    if "value" in asked:
        return np.array([one is not None and str(one) == asked["value"] for one in stated], bool)
    return _within(np.array([_number(one) for one in stated], np.float64), asked)


def _within(found: Values, ends: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which numbers are more than `above`, at most `to`, and, as older findings have it, at least `from`."""
    nowhere = float("inf")
    least, above, to = ends.get("from", -nowhere), ends.get("above", -nowhere), ends.get("to", nowhere)
    within: NDArray[np.bool_] = (found >= least) & (found > above) & (found <= to)
    return within


def _scores(pool: Pool, score: str, categories: set[str]) -> Values:
    if score in _STORED:
        return np.array(pool.columns[f"{PREDICTIONS}{score}"].to_numpy(), np.float64)
    if score not in SCORES:
        raise UsageError(f"select.strategies: there is no predictions.{score}; there are: {', '.join(SCORES)}.")
    values = [_predicted(text, pool.box_score) for text in pool.columns["prediction"].to_pylist()]
    return np.array([np.nan if value is None else _COMPUTED[score](value, categories) for value in values])


def _object_count(value: Value, categories: set[str]) -> float:
    return float(sum(not categories or shape["class"] in categories for shape in shapes(value)))


def _object_frequency(value: Value, _categories: set[str]) -> float:
    return sum(1 + REPEATED * (count - 1) for count in Counter(classes(value)).values())


def _objectness(value: Value, _categories: set[str]) -> float:
    scores = [shape.get("score", 1.0) for shape in shapes(value)]
    return 1 - sum(scores) / len(scores) if scores else 0.0


_STORED = ("least_confidence", "margin", "entropy")
_COMPUTED: Mapping[str, Callable[[Value, set[str]], float]] = {
    "object_count": _object_count,
    "object_frequency": _object_frequency,
    "objectness_least_confidence": _objectness,
}
SCORES = (*_STORED, *_COMPUTED)
"""Figures of predictions: how unsure (tasks/labels/uncertainty.py); how many objects; the same, of which further ones
of a class count a quarter; and 1 - the mean score of the objects, 0 without any. The latter two are those of Lightly's
active learning scorers, without their scaling. Objects are boxes and masks of at least the score of the pool."""


def _predicted(text: str | None, least_score: float) -> Value | None:
    """What a model predicts, without the boxes and masks of a lower score."""
    if text is None:
        return None
    value = as_value(text)
    likely = [shape for shape in shapes(value) if shape.get("score", 1.0) >= least_score]
    return {name: likely if name in ("boxes", "masks") else stated for name, stated in value.items()}


def _predicted_kinds(pool: Pool, rows: pa.Table, *, labels: bool = False) -> list[Counter[str]]:
    if not len(rows):
        return []
    told = zip(rows["label"].to_pylist() if labels else [None] * len(rows), rows["prediction"].to_pylist(), strict=True)
    return [
        _kinds_of(as_value(label) if label else _predicted(prediction, pool.box_score) or {})
        for label, prediction in told
    ]


def _kinds_of(value: Value) -> Counter[str]:
    shares = value.get("probabilities")
    if not shares:
        return Counter(classes(value))
    there = [name for name, share in shares.items() if share >= LIKELY]
    if not there and abs(sum(shares.values()) - 1) < ROUNDING:
        there = [max(sorted(shares), key=shares.__getitem__)]
    return Counter(there)


def _under_key(rows: pa.Table, key: str) -> list[Any]:
    key = key.removeprefix(METADATA)
    return [_held(json.loads(text or "{}"), key) for text in rows["metadata"].to_pylist()]


def _held(stated: Any, key: str) -> Any:
    """What stands under a key; if no key has that name, dots lead into what is nested. None if there is nothing."""
    if key in stated:
        return stated[key]
    for part in key.split("."):
        stated = stated.get(part) if isinstance(stated, dict) else None
    return stated


def _number(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        return float("nan")
