"""Promotion: the log says who is the champion; a refused challenger leaves it, and a person may decide otherwise."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tasks.gate.settle import discard, release
from tasks.labels.champion import champion_of
from tasks.learn.models.file import ModelConfig, save_model
from tasks.learn.models.promote import promote_by_hand, promote_model, refuse_model, released_models, tell_registry
from tasks.learn.settings import LearnSettings
from tasks.store import staging, views
from tasks.store.errors import UsageError
from tasks.store.log import Event, read_log, record
from tasks.store.root import Root
from tasks.store.schema import FINDINGS
from tasks.store.staging import Staged
from tests.learn.models.test_file import CONFIG, PREDICTION

SETTINGS = LearnSettings()


def trained(root: Root, version: str, *doubts: str, held: bool = False) -> Staged:
    """A model that was evaluated: on file, planned, with the findings that its evaluation staged."""
    save_model(root, ModelConfig.model_validate({**CONFIG.model_dump(), "version": version}), {}, PREDICTION)
    rows = [{"finding_id": one, "kind": "model_disagrees", "created_at": datetime.now(UTC)} for one in doubts]
    uri = staging.shard_uri(root, version, "train", "0", 0)
    staging.write_rows(root, uri, pa.Table.from_pylist(rows, schema=FINDINGS.schema))
    record(root, lambda log: Event(version, "planned", "train", counts={"ontology": "pets"}))
    if held:
        judged = {"judged": uri.removeprefix(root.uri)}
        record(root, lambda log: Event(version, "held", "train", counts=judged, note="it is worse"))
    return Staged(version, "train", uri, {}, "0")


def champion(root: Root) -> str | None:
    found = champion_of(read_log(root), "pets")
    return found.batch_id if found else None


def findings(root: Root) -> list[str]:
    found: list[str] = views.query(root, "SELECT finding_id FROM findings ORDER BY 1").column(0).to_pylist()
    return found


def aliases(root: Root) -> dict[str, str]:
    told: dict[str, str] = json.loads(root.storage.read(root.at("models", "aliases.json")))["pets"]
    return told


def test_promote_model__twice_is_once(root: Root) -> None:
    staged = trained(root, "m-1", "f-1")
    for _ in range(2):
        assert promote_model.fn(root.uri, "m-1", staged, SETTINGS)["findings"] == 1
    assert (champion(root), findings(root)) == ("m-1", ["f-1"])
    assert [event.event for event in read_log(root).batches["m-1"].events] == ["planned", "committing", "committed"]
    assert promote_model.fn(root.uri, "m-2", trained(root, "m-2"), SETTINGS)["findings"] == 0
    assert (champion(root), aliases(root)) == ("m-2", {"champion": "m-2", "challenger": "m-2"})


def test_refuse_model__the_champion_stays_and_the_log_says_why(root: Root) -> None:
    promote_model.fn(root.uri, "m-1", trained(root, "m-1"), SETTINGS)
    staged = trained(root, "m-2", "f-2", held=True)
    for _ in range(2):
        refuse_model.fn(root.uri, "m-2", "it is worse", SETTINGS)
    refused = read_log(root).batches["m-2"].events[-1]
    assert (refused.event, refused.note) == ("discarded", "it is worse")
    assert [event.event for event in read_log(root).batches["m-2"].events].count("discarded") == 1
    assert (champion(root), findings(root)) == ("m-1", [])
    assert aliases(root) == {"champion": "m-1", "challenger": "m-2"}
    assert read_log(root).open_batches == []
    with pytest.raises(UsageError, match="was refused"):
        promote_model.fn(root.uri, "m-2", staged, SETTINGS)
    assert champion(root) == "m-1"


def test_promote_model__what_a_person_released_or_discarded(root: Root) -> None:
    staged = trained(root, "m-1", held=True)
    release(root, "m-1", "looks fine")
    refuse_model.fn(root.uri, "m-1", "too late", SETTINGS)
    promote_model.fn(root.uri, "m-1", staged, SETTINGS)
    assert champion(root) == "m-1"
    trained(root, "m-2", held=True)
    discard(root, "m-2", "not this one")
    assert (champion(root), read_log(root).open_batches) == ("m-1", [])


def test_released_models__what_was_judged_in_the_order_in_which_it_was_let_through(root: Root) -> None:
    staged = {version: trained(root, version, f"f-{version}", held=True) for version in ("m-1", "m-2", "m-3", "m-4")}
    for version in ("m-4", "m-3", "m-1"):
        release(root, version, "looks fine")
    staging.forget(root, "m-4")
    found = released_models(root)
    assert [(one.subject, one.rows_uri) for one in found] == [(one, staged[one].rows_uri) for one in ("m-3", "m-1")]
    for one in found:
        promote_model.fn(root.uri, one.subject, one, SETTINGS)
    assert (champion(root), findings(root), released_models(root)) == ("m-1", ["f-m-1", "f-m-3"], [])


def test_promote_by_hand__a_refused_one_or_an_older_one_and_back(root: Root) -> None:
    promote_model.fn(root.uri, "m-1", trained(root, "m-1"), SETTINGS)
    trained(root, "m-2", held=True)
    refuse_model.fn(root.uri, "m-2", "worse", SETTINGS)
    assert promote_by_hand(root, "m-2", "the test side is stale", SETTINGS) == "pets"
    assert (champion(root), aliases(root)["champion"]) == ("m-2", "m-2")
    promote_by_hand(root, "m-1", "no, it was worse", SETTINGS)
    assert (champion(root), read_log(root).events[-1].note) == ("m-1", "no, it was worse")
    for version, note, words in (("m-1", "x", "champion already"), ("m-3", "x", "no model"), ("m-2", " ", "Say why")):
        with pytest.raises(UsageError, match=words):
            promote_by_hand(root, version, note, SETTINGS)
    root.storage.delete(root.at("models", "m-2"))
    with pytest.raises(UsageError, match="files of model m-2 are gone"):
        promote_by_hand(root, "m-2", "x", SETTINGS)
    assert champion(root) == "m-1"


def test_tell_registry__what_it_could_not_be_told_is_told_by_the_next_run(root: Root) -> None:
    staged = trained(root, "m-1")
    tracked = root.at("models", "m-1", "tracked.json")
    root.storage.write(tracked, b'{"place": "nowhere", "run_id": "r"}')
    with pytest.raises(UsageError, match="tracking_uri"):
        promote_model.fn(root.uri, "m-1", staged, LearnSettings(tracking_uri="nowhere"))
    assert champion(root) == "m-1"
    root.storage.delete(tracked)
    tell_registry(root, SETTINGS)
    assert aliases(root)["champion"] == "m-1"
