"""Kept samples of a few batches: the same as the view says, for the price of those batches."""

import os
from typing import Any

import pyarrow as pa
import pytest

from tasks.store import tables, views
from tasks.store.kept import kept_in
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root
from tasks.store.schema import DUPLICATES, SAMPLES

MANY = 6000


def _log(root: Root, batch: str, *events: tuple[str, str]) -> None:
    for event, stage in events:
        record(root, lambda _log, event=event, stage=stage: Event(batch, event, stage))  # type: ignore[misc]


def _bring(root: Root, batch: str, ids: list[str]) -> None:
    columns = {"sample_id": ids, "batch_id": [batch] * len(ids), "phash": [os.urandom(32) for _ in ids]}
    nulls = {field.name: pa.nulls(len(ids), field.type) for field in SAMPLES.schema}
    made = pa.table({**nulls, **columns})
    tables.insert(root, SAMPLES, made.cast(pa.schema([field.remove_metadata() for field in SAMPLES.schema])))
    _log(root, batch, ("planned", "ingest"), ("committed", "ingest"), ("committed", "dedupe"))


def _repeat(root: Root, batch: str, sample: str, kept: str) -> None:
    row = {"sample_id": sample, "kept_id": kept, "group_id": kept, "kind": "perceptual", "batch_id": batch}
    tables.insert(root, DUPLICATES, pa.Table.from_pylist([row], schema=DUPLICATES.schema))


def _as_the_view_says(root: Root, batches: list[str]) -> list[str]:
    query = "SELECT sample_id FROM kept JOIN wanted USING (batch_id) ORDER BY place, sample_id"
    wanted = pa.table({"batch_id": batches, "place": range(len(batches))})
    return views.connect(root, wanted=wanted).sql(query).to_arrow_table()["sample_id"].to_pylist()  # type: ignore[no-any-return]


def test_kept_in__says_what_the_view_says(root: Root) -> None:
    _bring(root, "a", ["a1", "a3", "a2"])
    _repeat(root, "a", "a2", "a1")
    _bring(root, "b", ["b1", "b2"])
    _repeat(root, "b", "b2", "a1")
    _log(root, "c", ("planned", "ingest"), ("committed", "ingest"))
    for batches in (["a"], ["b", "a"], ["b", "none", "c"], []):
        assert kept_in(root, read_log(root), batches)["sample_id"].to_pylist() == _as_the_view_says(root, batches)
    assert kept_in(root, read_log(root), ["b", "a"])["sample_id"].to_pylist() == ["b1", "a1", "a3"]


def test_kept_in__what_repeated_a_discarded_sample_is_kept_again(root: Root) -> None:
    _bring(root, "a", ["a1"])
    _bring(root, "b", ["b1", "b2"])
    _repeat(root, "b", "b2", "a1")
    _log(root, "a", ("held", "embed"), ("discarded", "embed"))
    kept = kept_in(root, read_log(root), ["a", "b"])["sample_id"].to_pylist()
    assert kept == _as_the_view_says(root, ["a", "b"]) == ["b1", "b2"]


def test_kept_in__of_other_batches_reads_no_more_than_where_they_are(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 8 bytes for each row of other batches; an id alone has 64."""
    _bring(root, "large", [os.urandom(32).hex() for _ in range(MANY)])
    _bring(root, "small", ["s" * 64, "t" * 64])
    _repeat(root, "small", "s" * 64, "t" * 64)
    log = read_log(root)
    opened: list[Any] = []
    real = tables.open_table

    def open_table(root: Root, name: str) -> Any:
        opened.append(real(root, name))
        return opened[-1]

    monkeypatch.setattr(tables, "open_table", open_table)
    assert kept_in(root, log, ["small"], ["phash"])["sample_id"].to_pylist() == ["t" * 64]
    assert 0 < sum(dataset.io_stats_snapshot().read_bytes for dataset in opened) < 8 * MANY
