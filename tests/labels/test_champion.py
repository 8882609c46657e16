"""Who the champion is, and whose predictions count: what was said last of each model decides."""

from typing import Any

import pyarrow as pa
import pytest

from tasks.labels.champion import MOST_TRUSTED, champion_of, promotion_of, trusted_models
from tasks.store import views
from tasks.store.commit import write
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root
from tasks.store.schema import PREDICTIONS


def said(root: Root, version: str, *events: Any, ontology: str = "pets") -> None:
    """Events of a model, in the log."""
    for name in events:
        counts = {"ontology": ontology} if name == "planned" else {}
        record(root, lambda log, name=name, counts=counts: Event(version, name, "train", counts=counts))


def predicted(root: Root, *rows: tuple[str, str]) -> None:
    """Predictions of (sample, model), whose value is the name of the model."""
    made = [
        {"prediction_id": f"{sample} {model}", "sample_id": sample, "model_version": model, "value": f'"{model}"'}
        for sample, model in rows
    ]
    write(root, PREDICTIONS.name, pa.Table.from_pylist(made, schema=PREDICTIONS.schema))


@pytest.mark.parametrize(
    ("events", "champion"),
    [
        ([("a", "planned")], None),
        ([("a", "planned"), ("a", "committed"), ("b", "planned"), ("b", "discarded")], "a"),
        ([("a", "planned"), ("a", "committed"), ("b", "planned"), ("b", "committed")], "b"),
        ([("a", "planned"), ("a", "committed"), ("b", "planned"), ("b", "committed"), ("a", "committed")], "a"),
        ([("a", "planned"), ("a", "discarded"), ("a", "committed")], "a"),
        ([("a", "planned"), ("a", "committed"), ("b", "planned"), ("b", "committed"), ("b", "discarded")], "a"),
    ],
)
def test_champion_of__what_was_said_last_counts(root: Root, events: list[Any], champion: str | None) -> None:
    for version, event in events:
        said(root, version, event)
    log = read_log(root)
    found = champion_of(log, "pets")
    assert (found.batch_id if found else None) == champion
    assert champion_of(log, "cars") is None
    promoted = promotion_of(log)
    assert (promoted.event if promoted else None) == ("committed" if champion else None)


def test_trusted_models__the_champion_comes_first_and_no_model_of_another_ontology_counts(root: Root) -> None:
    said(root, "m-old", "planned", "committed", "discarded")
    said(root, "m-1", "planned", "committed")
    said(root, "z-cars", "planned", "committed", ontology="cars")
    predicted(root, ("s", "m-1"), ("s", "m-9"), ("s", "z-cars"), ("t", "m-9"), ("t", "m-old"), ("u", "z-cars"))
    connection = views.connect(root)
    trusted = trusted_models(read_log(root), "pets", connection)
    assert trusted == ["m-1", "m-old", "m-9"]
    found = dict(connection.execute(f"SELECT sample_id, model_version FROM ({MOST_TRUSTED})", [trusted]).fetchall())
    assert found == {"s": "m-1", "t": "m-old"}
