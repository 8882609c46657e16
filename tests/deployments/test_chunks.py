"""The runs of a backfill on a Prefect server: once each, in a queue that fresh runs pass by, cancelled and gone on."""

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Running
from typer.testing import CliRunner

from deployments.chunks import cancel_chunks, start_chunks
from deployments.start import start_curate
from flows.cli import app
from tasks.store.errors import UsageError
from tests.deployments.served import deploy, runs
from tests.made import Maker


def state_of(server: Any, run: str) -> str:
    return str(server.read_flow_run(run).state.name)


def test_chunks__are_taken_once_and_again_only_after_they_were_given_up(
    server: Any, maker: Maker, tmp_path: Path
) -> None:
    from deployments.backfill import Asked, plan_backfill
    from tests.pipeline import settings_for

    maker.photographs(5)
    settings = settings_for(maker.folder, tmp_path / "root", service__name="w-chunks")
    planned = plan_backfill(settings, Asked(settings.source_uri, chunk=2))
    with pytest.raises(UsageError, match="winnow deploy"):
        start_chunks(settings, planned.chunks, 2)
    server.create_work_pool(WorkPoolCreate(name="pool-of-chunks", type="process"))
    for name in ("w-chunks", "w-chunks-backfill"):
        deploy(server, settings, name, work_pool_name="pool-of-chunks")
    begun = start_chunks(settings, planned.chunks, 2)
    assert list(start_chunks(settings, planned.chunks, 3)) == list(begun)
    assert sorted(runs(server, settings, "w-chunks-backfill")) == sorted(str(one.manifest) for one in planned.chunks)
    queue = server.read_work_queue_by_name("backfill", work_pool_name="pool-of-chunks")
    fresh = server.read_flow_run(start_curate(settings, "file:///fresh").id)
    other = server.read_work_queue_by_name(fresh.work_queue_name, work_pool_name="pool-of-chunks")
    assert (queue.concurrency_limit, queue.priority > other.priority) == (3, True)
    assert {server.read_flow_run(run).work_queue_name for run in begun} == {"backfill"}
    assert cancel_chunks(settings) == 3
    assert {state_of(server, run) for run in begun} == {"Cancelled"}
    assert state_of(server, str(fresh.id)) == "Scheduled"
    second = start_chunks(settings, planned.chunks, 2)
    assert not set(second) & set(begun)
    server.set_flow_run_state(next(iter(second)), Running(), force=True)
    assert cancel_chunks(settings) == 3
    assert sorted(state_of(server, run) for run in second) == ["Cancelled", "Cancelled", "Cancelling"]
    assert not set(start_chunks(settings, planned.chunks, 2)) & set(second), "what is being cancelled is given up"


def test_backfill__as_a_command(server: Any, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3)
    place = ["--root", str(tmp_path / "root"), "--set", "service.name=w-command", "--chunk", "2"]
    dry = CliRunner().invoke(app, ["backfill", str(maker.folder), *place, "--dry-run", "--json"])
    assert (dry.exit_code, json.loads(dry.stdout)["objects"]) == (0, 3)
    missing = CliRunner().invoke(app, ["backfill", str(maker.folder), *place])
    assert (missing.exit_code, "winnow deploy" in missing.stderr) == (2, True)
    assert CliRunner().invoke(app, ["backfill", str(tmp_path / "nowhere"), *place]).exit_code == 2


def test_backfill__by_its_form(server: Any, maker: Maker, tmp_path: Path) -> None:
    from deployments.forms import backfill
    from tests.pipeline import settings_for

    maker.photographs(3)
    file = tmp_path / "winnow.yaml"
    file.write_text(f"source: {maker.folder}\nroot: {tmp_path / 'root'}\nservice: {{name: w-form}}\n")
    settings = settings_for(maker.folder, tmp_path / "root", service__name="w-form")
    deploy(server, settings, "w-form-backfill")
    expected = {"chunks": 2, "objects": 3, "known": 0}
    assert backfill(str(file), chunk=2, since="2020-01-01T00:00:00Z", dry_run=True) == expected
    assert runs(server, settings, "w-form-backfill") == []
    assert backfill(str(file), chunk=2) == expected
    assert len(runs(server, settings, "w-form-backfill")) == 2
