"""What samples have in common besides their class: camera, quality, metadata, and what they look like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.store import choices, tables, views
from tasks.store.errors import UsageError
from tasks.store.root import Root

Texts = NDArray[np.object_]

QUALITY = ("brightness", "sharpness", "contrast")
QUARTERS = ("lowest", "low", "high", "highest")

MANY = 12
"""Different numbers, above which they are told apart by quarters."""

CLUSTER = "cluster"


@dataclass(frozen=True)
class Trait:
    """What samples have of one kind.

    Attributes:
        texts: (n,), None where nothing is known.
        ranges: of the texts that stand for a range of numbers, what they are above, and up to what they reach; None
            where there is no such end.
    """

    texts: Texts
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


_COLUMNS = """
    SELECT s.* EXCLUDE (thumbnail, phash, ringhash) FROM wanted w LEFT JOIN samples s ON s.sample_id = w.sample_id
    ORDER BY w.place"""


def traits_of(root: Root, samples: Sequence[str], named: Sequence[str]) -> dict[str, Trait]:
    """Traits of samples, in their order.

    Args:
        root: where they are.
        samples: their ids.
        named: columns of samples, or keys of their metadata, besides the usual ones.

    Raises:
        UsageError: no sample has such a column or key.
    """
    wanted = pa.table({"sample_id": pa.array(samples, pa.string()), "place": range(len(samples))})
    columns = views.connect(root, wanted=wanted).sql(_COLUMNS).to_arrow_table()
    found = {name: by_quarter(columns[name].to_pylist()) for name in QUALITY}
    for name in ("sensor_id", *named):
        found[name] = _named(columns, name)
    return found | {CLUSTER: Trait(_clusters(root, samples))}


def by_quarter(values: Sequence[float | None]) -> Trait:
    """Which quarter each number lies in; none where all are the same.

    The quarters meet at their edges, and the outer ones have no end: every number there is lies in one of them.
    """
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = ~np.isnan(numbers)
    quarters: Texts = np.full(len(numbers), None, object)
    if not known.any() or np.ptp(numbers[known]) == 0:
        return Trait(quarters)
    edges = np.quantile(numbers[known], [0.25, 0.5, 0.75])
    quarters[known] = np.array(QUARTERS, object)[np.searchsorted(edges, numbers[known], side="left")]
    ends = [None, *edges.tolist(), None]
    return Trait(quarters, dict(zip(QUARTERS, pairwise(ends), strict=True)))


def _named(columns: pa.Table, name: str) -> Trait:
    if name in columns.column_names:
        values = columns[name].to_pylist()
    else:
        values = [json.loads(text or "{}").get(name) for text in columns["metadata"].to_pylist()]
        if all(value is None for value in values):
            raise UsageError(f"learn.evaluate.slices: no sample for testing has a column or metadata key {name!r}.")
    texts = _as_text(values)
    numeric = all(isinstance(value, int | float | None) for value in values)
    return by_quarter(values) if numeric and len(set(texts) - {None}) > MANY else Trait(texts)


def _as_text(values: Sequence[Any]) -> Texts:
    text: Texts = np.full(len(values), None, object)
    text[:] = [None if value is None else _in_words(value) for value in values]
    return text


def _in_words(value: Any) -> str:
    """A list or an object of metadata as JSON, the same however its keys are ordered."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _clusters(root: Root, samples: Sequence[str]) -> Texts:
    """What looks alike, by k-means on the stored vectors; cluster 1 is the largest."""
    named: Texts = np.full(len(samples), None, object)
    model: Any = choices.recall(root, choices.EMBEDDING)
    dataset = tables.open_table(root, model["table"]) if model else None
    if dataset is None:
        return named
    found = tables.lookup(dataset, "sample_id", samples, ["vector"])
    places = {sample: place for place, sample in enumerate(samples)}
    rows = [places[sample] for sample in found["sample_id"].to_pylist()]
    named[rows] = [str(one) for one in alike(tables.matrix(found["vector"])).tolist()]
    return named


def alike(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cluster of each vector, from 1 by size: (n,). About one cluster for each sqrt(4 n) vectors."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    kinds = int(np.clip(round(len(vectors) ** 0.5 / 2), 1, 20))
    if kinds < 2:
        return np.ones(len(vectors), np.int64)
    with threadpool_limits(1):
        code = KMeans(kinds, n_init=3, random_state=0).fit_predict(vectors)
    rank = np.argsort(np.argsort(-np.bincount(code, minlength=kinds), kind="stable"), kind="stable")
    numbers: NDArray[np.int64] = rank[code] + 1
    return numbers
