"""What strategies read of a root: predictions and whose, labels, named samples; and what a selection tells."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.labels.values import as_text
from tasks.select.columns import SCORES
from tasks.select.model import predicting_model
from tasks.select.pick import commit_selection, pick_samples, wanted_selection
from tasks.select.pool import Wants, read_pool
from tasks.select.settings import SelectSettings
from tasks.select.tag import put_tag
from tasks.store import choices, tables, views
from tasks.store.errors import UsageError
from tasks.store.log import STAGES, Event, read_log, record
from tasks.store.root import Root
from tasks.store.schema import ANNOTATIONS, FINDINGS, PREDICTIONS, SAMPLES
from tasks.store.schema_vectors import embeddings

TABLE = embeddings("made", 4)
IDS = [f"s-{number}" for number in range(8)]


def insert(root: Root, table: Any, **columns: list[Any]) -> None:
    count = len(next(iter(columns.values())))
    rows = {field.name: pa.nulls(count, field.type) for field in table.schema}
    rows |= {name: pa.array(values, table.schema.field(name).type) for name, values in columns.items()}
    tables.insert(root, table, pa.table(rows, schema=table.schema))


@pytest.fixture
def predict(root: Root) -> Callable[[str], None]:
    """A root with eight embedded samples, of which s-0 is labelled; puts a model's predictions in."""
    falling = [8.0 - place for place in range(8)]
    insert(root, SAMPLES, sample_id=IDS, batch_id=["b"] * 8, metadata=["{}"] * 8, entropy=falling, sharpness=falling)
    vectors = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float16)
    insert(root, TABLE, sample_id=IDS, vector=[*vectors], model=["made"] * 8, batch_id=["b"] * 8)
    events = [("planned", "ingest"), *(("committed", stage) for stage in STAGES)]
    for event, stage in events:
        record(root, lambda _log, event=event, stage=stage: Event("b", event, stage, "made", {}, ""))
    choices.settle(root, choices.EMBEDDING, lambda: {"name": "made", "table": TABLE.name})
    label = {"annotation_id": ["a"], "value": [as_text({"class": "cat"})], "ontology": ["pets"], "origin": ["human"]}
    insert(root, ANNOTATIONS, sample_id=IDS[:1], **label)

    def put(model: str) -> None:
        insert(
            root,
            PREDICTIONS,
            prediction_id=[f"{model}-{name}" for name in IDS],
            sample_id=IDS,
            model_version=[model] * 8,
            value=[as_text({"probabilities": {"cat": 0.9 - 0.1 * place}}) for place in range(8)],
            margin=[0.1 * place for place in range(8)],
        )

    return put


UNSURE = SelectSettings.model_validate({"budget": 2, "strategies": [{"weights": {"column": "predictions.margin"}}]})


def test_read_pool__has_predictions_labels_and_named_samples(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    put_tag(root, "odd", ["s-1", "s-3"])
    asked = [{"class": "cat"}]
    weak = [as_text({"slice": "class=cat", "model": model, "asked": asked}) for model in ("m-1", "m-0")]
    insert(root, FINDINGS, finding_id=["1", "2"], kind=["weak_slice"] * 2, score=[0.25, 0.5], status=["open"] * 2,
           suggestion=weak)  # fmt: skip
    queries = (("tag", "odd"), ("selection", "none"), ("samples", "s-0", "s-9"))
    pool = read_pool(root, TABLE.name, "made", Wants("m-1", queries=queries, weak=True))
    assert pool.ids == IDS[1:]
    assert pool.columns["predictions.margin"].to_pylist() == pytest.approx([0.1 * place for place in range(1, 8)])
    assert pool.weak == [{"behind": 0.25, "asked": asked}]
    assert pool.before["label"].to_pylist() == ['{"class":"cat"}']
    assert (len(pool.before), len(pool.chosen)) == (1, 1)
    assert [len(pool.queries[query]) for query in queries] == [2, 0, 1]
    assert pool.queries["tag", "odd"][0] == pytest.approx(pool.vectors[0])
    assert read_pool(root, TABLE.name, "made").columns["prediction"].null_count == 7
    for ontology, labels in (("pets", ['{"class":"cat"}']), ("weather", [None])):
        assert read_pool(root, TABLE.name, "made", Wants(ontology=ontology)).before["label"].to_pylist() == labels


def test_predicting_model__is_the_named_or_the_only_one(root: Root, predict: Callable[[str], None]) -> None:
    plain = SelectSettings()
    assert predicting_model(root, read_log(root), plain) is None
    with pytest.raises(UsageError, match="there are none"):
        predicting_model(root, read_log(root), UNSURE)
    predict("m-1")
    assert predicting_model(root, read_log(root), UNSURE) == "m-1"
    predict("m-2")
    with pytest.raises(UsageError, match="say whose"):
        predicting_model(root, read_log(root), UNSURE)
    assert predicting_model(root, read_log(root), UNSURE.model_copy(update={"model": "m-2"})) == "m-2"
    with pytest.raises(UsageError, match="no predictions of 'm-3'; of: m-1, m-2"):
        predicting_model(root, read_log(root), UNSURE.model_copy(update={"model": "m-3"}))


def test_predicting_model__the_champion_comes_first(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    predict("m-2")
    for event in ("planned", "committed"):
        record(root, lambda _log, event=event: Event("m-2", event, "train", "s", {"ontology": "pets"}, ""))
    assert predicting_model(root, read_log(root), UNSURE) == "m-2"


def test_select__follows_the_champion_of_the_ontology_to_learn(root: Root, predict: Callable[[str], None]) -> None:
    for model, ontology in (("m-1", "pets"), ("m-2", "weather")):
        predict(model)
        for name in ("planned", "committed"):
            event = Event(model, name, "train", "s", {"ontology": ontology}, "")
            record(root, lambda _log, event=event: event)
    assert predicting_model(root, read_log(root), UNSURE, "pets") == "m-1"
    staged = pick_samples(root.uri, "selection-1", 2, UNSURE, ontology="pets")
    assert staged.rows_uri != pick_samples(root.uri, "selection-1", 2, UNSURE, ontology="weather").rows_uri
    commit_selection(root.uri, "selection-1", staged)
    assert "has not changed" in wanted_selection(root, UNSURE, ontology="pets").why
    assert wanted_selection(root, UNSURE, ontology="weather").name == "selection-2"


def test_select__tells_what_was_asked_reached_and_gave_out(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    asked = {"weights": {"column": "predictions.margin", "max_sum": 1.4}}
    settings = SelectSettings.model_validate({"budget": 5, "strategies": [asked]})
    wanted = wanted_selection(root, settings)
    staged = pick_samples(root.uri, str(wanted.name), wanted.most, settings)
    again = pick_samples(root.uri, str(wanted.name), wanted.most, settings)
    assert again == staged
    counts = commit_selection(root.uri, str(wanted.name), staged)
    assert counts["selected"] == 2
    assert counts["asked"] == [asked]
    assert counts["reached"] == {"weights predictions.margin": {"sum": pytest.approx(1.3)}}
    assert counts["stopped"] == "weights predictions.margin: the sum would exceed 1.4"
    assert wanted_selection(root, settings).name is None
    predict("m-2")
    assert wanted_selection(root, settings.model_copy(update={"model": "m-2"})).name == "selection-2"


def selected(root: Root, *strategies: object, budget: int | str = 5, most: int = 100) -> dict[str, Any]:
    """Counts of a selection that is made and committed."""
    settings = SelectSettings.model_validate({"budget": budget, "strategies": strategies})
    staged = pick_samples(root.uri, "selection-1", most, settings)
    return commit_selection(root.uri, "selection-1", staged)


def test_select__tells_its_size_and_what_each_filter_left_out(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    put_tag(root, "odd", ["s-1", "s-3", "s-7"])
    filters = [{"threshold": {"column": "predictions.margin", "bigger": 0.25}}, {"tags": {"none": ["odd"]}}]
    counts = selected(root, *filters, "random", budget="80%", most=5)
    assert counts["left_out"] == [2, 2]
    assert counts["silent"] == []
    assert counts["size"] == {
        "stated": "80%", "wanted": 6, "budget": 5, "picks": 3, "testing": 0, "pool": 7, "aside": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "best"),
    [("entropy", "s-1"), ("sharpness", "s-1"), *((f"predictions.{one}", "s-7") for one in SCORES)],
)
def test_select__by_every_number_there_is(root: Root, predict: Callable[[str], None], column: str, best: str) -> None:
    predict("m-1")
    unsure = [dict.fromkeys(("least_confidence", "margin", "entropy"), 0.1 * place) for place in range(8)]
    shapes = [
        {"class": "cat", "x": 0, "y": 0, "width": 5, "height": 5, "score": 0.9 - 0.05 * place} for place in range(8)
    ]
    insert(
        root, PREDICTIONS, prediction_id=IDS, sample_id=IDS, model_version=["m-2"] * 8,
        value=[as_text({"boxes": [shapes[place]] * (place + 1)}) for place in range(8)],
        **{name: [one[name] for one in unsure] for name in unsure[0]},
    )  # fmt: skip
    settings = {"budget": 1, "model": "m-2", "strategies": [{"weights": {"column": column}}]}
    picks = pick_samples(root.uri, "selection-1", 9, SelectSettings.model_validate(settings))
    assert commit_selection(root.uri, "selection-1", picks)["selected"] == 1
    found = views.connect(root).sql("SELECT sample_id FROM selections").fetchall()
    assert found == [(best,)]


def test_select__what_is_refused_for_its_settings_begins_nothing(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    with pytest.raises(UsageError, match="temprature"):
        selected(root, {"threshold": {"column": "temprature", "at_most": 5}}, "coverage")
    assert "selection-1" not in read_log(root).batches


@pytest.mark.parametrize(
    ("others", "more"), [([], ", and the picks are the first ones by their ids"), (["random"], "")]
)
def test_select__a_number_that_no_candidate_has_is_told(
    root: Root, predict: Callable[[str], None], others: list[str], more: str
) -> None:
    predict("m-1")
    column = "predictions.least_confidence"
    counts = selected(root, {"weights": {"column": column}}, *others)
    assert counts["silent"] == [f"weights {column} chose nothing: every candidate has no number as {column}{more}"]
    assert (counts["selected"], counts["stopped"]) == (5, None)


def test_select__a_class_that_no_candidate_has_is_told(root: Root, predict: Callable[[str], None]) -> None:
    predict("m-1")
    insert(root, PREDICTIONS, prediction_id=["m-2"], sample_id=IDS[:1], model_version=["m-2"], value=["{}"])
    settings = {"budget": 3, "model": "m-2", "strategies": [{"balance": {"column": "predictions.class"}}, "random"]}
    staged = pick_samples(root.uri, "selection-1", 9, SelectSettings.model_validate(settings))
    counts = commit_selection(root.uri, "selection-1", staged)
    assert counts["silent"] == [
        "balance predictions.class chose nothing: every candidate has nothing as predictions.class"
    ]
