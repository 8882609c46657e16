"""winnow deploy on a real Prefect server: everything is there, a second time changes nothing, mistakes are plain."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed, Running

from deployments.deploy import deploy
from flows.events import LABELLED, PROMOTED, resource_of
from flows.settings import load_settings
from tasks.store.errors import UsageError
from tests.deployments.registered import Receiver, listed, wait_until
from tests.flows.servers import WINNOW, free_port

Config = Callable[..., str]
FORM = {"batch": "b-1", "decision": "release", "note": "fine"}


def registered(config: str, **options: Any) -> dict[str, str]:
    """Deploy; what was done, by what it was done to."""
    done = deploy(load_settings(config).service, config, **options)
    return {step.what: step.done for step in done.steps}


def told(arguments: list[str]) -> str:
    """What the command says on stdout, once it is done."""
    done = subprocess.run([WINNOW, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_server(client: SyncPrefectClient) -> dict[str, Any]:
    """Everything on the server, times of changes included; what workers and schedules do to it aside."""
    aside = {"status", "last_polled", "late_runs_count"}
    found = {}
    for path in ("deployments", "work_pools", "work_queues", "block_documents", "automations"):
        rows = listed(client, path)
        found[path] = sorted(({k: v for k, v in row.items() if k not in aside} for row in rows), key=lambda r: r["id"])
    return found


def test_deploy__twice_changes_nothing(
    client: SyncPrefectClient, config: Config, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config("twice", notify={"webhook": "HOOK"}, timezone="Europe/Berlin")
    monkeypatch.setenv("HOOK", receiver.address)
    first = told(["deploy", "--config", file])
    assert "made  deployment winnow curate/twice" in first
    assert f":{client.api_url.port}/deployments/deployment/" in first, "it links to the pages"
    before = on_server(client)
    assert "unchanged: everything is registered already." in told(["deploy"])
    assert on_server(client) == before
    ours = [one for one in before["deployments"] if one["name"] == "twice"]
    assert {one["entrypoint"].rpartition(".")[2] for one in ours} >= {
        *("curate", "select", "label", "learn", "release", "maintain", "remind"),
    }
    assert {one["schedules"][0]["schedule"]["timezone"] for one in ours if one["schedules"]} == {"Europe/Berlin"}
    priorities = {one["name"]: one["priority"] for one in before["work_queues"] if one["name"] != "default"}
    assert priorities == {"fresh": 1, "routine": 5, "backfill": 10}


def test_deploy__schedules_runs_within_a_minute(client: SyncPrefectClient, config: Config) -> None:
    registered(config("cron"))
    deployment = client.read_deployment_by_name("winnow curate/cron")

    of_it = {"deployments": {"id": {"any_": [str(deployment.id)]}}}
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    runs = wait_until(lambda: listed(client, "flow_runs", **of_it, **scheduled))
    assert {run["expected_start_time"][14:16] for run in runs} == {"05"}


def test_deploy__brings_over_what_changed_and_keeps_off_what_is_off(
    client: SyncPrefectClient, config: Config, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", receiver.address)
    assert set(registered(config("change", notify={"webhook": "HOOK"}), dry_run=True).values()) >= {"made"}
    assert client.read_automations_by_name("winnow change: a gate holds") == [], "a dry run makes nothing"
    registered(config("change", notify={"webhook": "HOOK"}))
    curate = client.read_deployment_by_name("winnow curate/change")
    client.update_deployment_schedule(curate.id, curate.schedules[0].id, active=False)
    done = registered(config("change", schedules={"curate": "7 * * * *", "learn": None}))
    assert {what: how for what, how in done.items() if how != "unchanged"} == {
        "deployment winnow curate/change": "changed",
        "deployment winnow learn/change": "changed",
        "automation winnow change: a gate holds": "removed",
        "automation winnow change: a hold waits long": "removed",
        "automation winnow change: a run crashed for good": "removed",
        "automation winnow change: a run failed": "removed",
        "automation winnow change: what comes in looks odd": "removed",
    }
    curate = client.read_deployment_by_name("winnow curate/change")
    assert [(one.schedule.cron, one.active) for one in curate.schedules] == [("7 * * * *", False)]  # type: ignore[union-attr]
    assert client.read_deployment_by_name("winnow learn/change").schedules == []


@pytest.mark.usefixtures("client")
def test_deploy__mistakes_are_plain(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    for service, words in [
        ({"notify": {"slack": "NOWHERE"}}, "NOWHERE, which is not set"),
        ({"notify": {"block": "slack-webhook/ops"}}, "no block slack-webhook/ops"),
        ({"schedules": {"curate": "often"}}, "'often' is no cron expression"),
    ]:
        with pytest.raises(UsageError, match=words):
            registered(config("mistake", **service))
    for address, words in [(None, "No Prefect server is named"), (f"http://127.0.0.1:{free_port()}/api", "not answer")]:
        with temporary_settings({PREFECT_API_URL: address}), pytest.raises(UsageError, match=words):
            registered(config("mistake"))


def test_deploy__new_labels_are_learned_and_a_promoted_model_selects(client: SyncPrefectClient, config: Config) -> None:
    registered(config("starts"))
    registered(config("other"))
    for event, flow in [(LABELLED, "winnow learn"), (PROMOTED, "winnow select")]:
        deployment = client.read_deployment_by_name(f"{flow}/starts")
        emit_event(event, {"prefect.resource.id": resource_of("starts")}, payload={"answers": 3})
        by_event = {"flow_runs": {"deployment_id": {"any_": [str(deployment.id)]}}}

        def begun(asked: dict[str, Any] = by_event) -> list[str]:
            return [run["id"] for run in listed(client, "flow_runs", **asked) if not run["auto_scheduled"]]

        assert len(wait_until(begun)) == 1
    others = client.read_deployment_by_name("winnow learn/other")
    runs = listed(client, "flow_runs", flow_runs={"deployment_id": {"any_": [str(others.id)]}})
    assert all(run["auto_scheduled"] for run in runs), "each root has events of its own"


def test_deploy__a_crashed_run_is_started_again_until_it_is_given_up(
    client: SyncPrefectClient, config: Config, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", receiver.address)
    registered(config("crash", notify={"webhook": "HOOK"}, restarts=1))
    release = client.read_deployment_by_name("winnow release/crash")
    run = client.create_flow_run_from_deployment(release.id, parameters=FORM)

    def state() -> str:
        return client.read_flow_run(run.id).state.name or ""  # type: ignore[union-attr]

    client.set_flow_run_state(run.id, Running(), force=True)
    client.set_flow_run_state(run.id, Crashed(message="first"))
    wait_until(lambda: state() == "AwaitingRetry")
    assert client.read_flow_run(run.id).parameters["batch"] == FORM["batch"], "as it was"
    client.set_flow_run_state(run.id, Running(), force=True)
    client.set_flow_run_state(run.id, Crashed(message="second"))
    told = wait_until(lambda: receiver.got)[0]
    assert told["subject"] == "winnow crash: a run crashed 2 times, and is given up"
    assert told["text"].startswith("winnow release: second")
    assert told["text"].endswith(f"/runs/flow-run/{run.id}")
    assert state() == "Crashed"
