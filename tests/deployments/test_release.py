"""Approvals: a hold is told with pictures and a link to its form; the form settles it, who and why stay on record."""

import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint

from deployments import forms
from deployments.deploy import deploy
from flows.settings import Settings, load_settings
from tasks.store.log import Event, read_log
from tests.deployments.registered import Receiver, listed, wait_until
from tests.pipeline import opened, rows

Config = Callable[..., str]


def curated(config: str) -> Settings:
    """Settings of a root with a batch that is held."""
    assert forms.curate(config, return_state=True).name == "Held"
    return load_settings(config)


def events(settings: Settings, name: str) -> list[Event]:
    return [event for event in read_log(opened(settings)).events if event.event == name]


def started(client: SyncPrefectClient, name: str, parameters: dict[str, Any]) -> httpx.Response:
    """Submit the form of `winnow release`, as the page does."""
    deployment = client.read_deployment_by_name(f"winnow release/{name}")
    body = {"parameters": parameters}
    return httpx.post(f"{client.api_url}deployments/{deployment.id}/create_flow_run", json=body)


def test_release__the_form_commits_and_an_empty_one_is_refused(client: SyncPrefectClient, config: Config) -> None:
    file = config("approve")
    deploy(load_settings(file).service, file)
    settings = curated(file)
    held = events(settings, "held")[0].batch_id
    for empty in (
        {},
        {"batch": held, "decision": "release"},
        {"batch": held, "decision": "release", "note": ""},
        {"batch": held, "decision": "release", "note": "  "},
        {"batch": "", "decision": "release", "note": "fine"},
        {"batch": held, "decision": "perhaps", "note": "fine"},
    ):
        assert started(client, "approve", empty).status_code in (409, 422)
    assert rows(settings, "SELECT count(*) AS n FROM samples") == [{"n": 0}]
    form = {"batch": held, "decision": "release", "note": "looked at", "by": "Ada"}
    run = client.read_flow_run(started(client, "approve", form).json()["id"])
    run_flow(load_flow_from_entrypoint(client.read_deployment(run.deployment_id).entrypoint), flow_run=run)
    assert client.read_flow_run(run.id).state.name == "Completed"
    assert rows(settings, "SELECT count(*) AS n FROM samples") == [{"n": 4}]
    released = events(settings, "released")[0]
    assert (released.by, released.note, released.at is not None) == ("Ada", "looked at", True)


def test_release__a_discarded_batch_carries_the_note(client: SyncPrefectClient, config: Config) -> None:
    settings = curated(file := config("discard"))
    held = events(settings, "held")[0].batch_id
    forms.release(held, "discard", "wrong site", "Grace", file)
    discarded = events(settings, "discarded")[0]
    assert (discarded.by, discarded.note, discarded.at is not None) == ("Grace", "wrong site", True)
    found = rows(settings, "SELECT outcome, reason, detail, count(*) AS n FROM objects GROUP BY ALL")
    assert found == [{"outcome": "reject", "reason": "discarded", "detail": "wrong site", "n": 4}]
    assert "is not held" in forms.release(held, "release", "no", "", file, return_state=True).message


def test_hold__is_told_with_pictures_figures_and_a_link_to_its_form_and_told_again(
    client: SyncPrefectClient, config: Config, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", receiver.address)
    file = config("told", notify={"webhook": "HOOK"}, remind_hours=0)
    deploy(load_settings(file).service, file)
    settings = curated(file)
    held = events(settings, "held")[0].batch_id
    page = client.read_deployment_by_name("winnow release/told")
    told = wait_until(lambda: receiver.got)[0]
    assert told["subject"] == "winnow told: gate ingested holds"
    assert f"{held}: it waits for approval" in told["text"]
    link = told["text"].split()[-1]
    assert f"/deployments/deployment/{page.id}/run?" in link
    filled = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["parameters"][0]
    assert json.loads(urllib.parse.unquote(filled)) == {"batch": held, "config": file}
    artifact = next(
        one["data"] for one in listed(client, "artifacts") if one["key"] == "gate-ingested" and held in one["data"]
    )
    assert artifact.count("data:image/jpeg") == 4
    assert link in artifact
    assert "share of rejects" in artifact
    receiver.got.clear()
    forms.remind(file)
    again = wait_until(lambda: receiver.got)[0]
    assert again["subject"] == "winnow told: a decision is still asked for"
    assert f"{held} has waited 0 hours before ingest" in again["text"]
    assert events(settings, "released") == events(settings, "discarded") == [], "waiting decides nothing"


def test_forms__a_schedule_may_come_before_the_first_file(client: SyncPrefectClient, config: Config) -> None:
    file = config("early")
    for form in (forms.select, forms.label, forms.learn, forms.maintain, forms.remind):
        assert form(file, return_state=True).is_completed(), form.name
