"""The command as a user types it: real processes, a real Prefect server."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.flows.servers import WINNOW, Command
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, settings_for, versions


def ask(server: str, path: str) -> list[dict[str, Any]]:
    """What the Prefect server knows."""
    request = urllib.request.Request(
        f"{server}/{path}/filter", data=b'{"limit": 200}', headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        found: list[dict[str, Any]] = json.load(answer)
        return found


def said(*arguments: str, code: int = 0) -> str:
    """What a command says that needs no process of its own to show it."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done.stdout


def test_help__shows_examples_as_they_are_typed() -> None:
    assert "'select.strategies=[random]'" in " ".join(CliRunner().invoke(app, ["select", "--help"]).output.split())


def test_help__is_quick_and_says_what_there_is(winnow: Command) -> None:
    done = [winnow("--help") for _ in range(3)]
    assert min(one.cpu_s for one in done) < 0.7
    for command in ("init", "example", "run", "curate", "select", "status", "query", "report", "tag", "release",
                    "discard", "promote", "retry", "recalibrate", "forget", "doctor", "metadata", "labels",
                    "predictions", "export"):  # fmt: skip
        assert command in done[0].out
        assert "Example" in said(command, "--help"), command


def test_run__then_nothing_new_then_one_more(winnow: Command, server: str, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(12)
    maker.write("near.jpg", jpeg(photograph(3), 50))
    maker.write("bad.jpg", b"no picture")
    maker.write("notes.txt", b"x")
    first = winnow("run", maker.folder, "--root", "root", "--budget", "5", "--json")
    assert first.code == 0, first.err
    told = first.json
    assert told["objects"] == {"listed": 15, "ignored": 1, "known": 0, "new": 14}
    assert told["outcomes"] == {"sample": 13, "copy": 0, "video": 0, "reject": 1, "deferred": 0, "held": 0}
    assert (told["rejects"], told["duplicates"]) == ({"not_an_image": 1}, {"perceptual": 1, "semantic": 0})
    assert (told["embedded"], told["selected"]) == (12, 5)
    assert (told["gates"], told["held"]) == ({"pass": 5, "warn": 0, "hold": 0}, [])
    assert set(told["seconds"]) >= {"ingest", "dedupe", "embed", "select", "gate"}
    assert Path(told["report"]).is_file()

    settings = settings_for(maker.folder, tmp_path / "root")
    before = versions(settings)
    again = winnow("run", maker.folder, "--root", "root", "--budget", "5", "--json")
    assert again.json["objects"] == {"listed": 15, "ignored": 1, "known": 14, "new": 0}
    assert again.json["run_id"] is None
    assert versions(settings) == before
    assert again.cpu_s < 5

    maker.photographs(1, first=77)
    more = winnow("run", maker.folder, "--root", "root", "--budget", "5")
    for words in (
        "16 files listed: 1 new, 14 known",
        "sample",
        "selected",
        "gates: ingested pass, deduplicated pass",
        "report: ",
        "next: ",
    ):
        assert words in more.out
    assert "ingest" in more.err
    assert "1/1" in more.err

    runs = {run["id"]: run for run in ask(server, "flow_runs")}
    assert runs[told["run_id"]]["state_name"] == "Completed"
    tasks = {run["name"].rsplit("-", 1)[0] for run in ask(server, "task_runs")}
    assert {"ingest shard", "gather ingest", "gate", "commit ingest", "find duplicates", "embed shard"} <= tasks
    artifacts = {one["key"] for one in ask(server, "artifacts")}
    assert {"gate-ingested", "gate-deduplicated", "gate-embedded", "gate-selected", "curate-summary"} <= artifacts
    assert {"select-summary", "selection-pictures", "curate-pictures"} <= artifacts


def test_hold__exit_3_status_release(winnow: Command, server: str, maker: Maker) -> None:
    maker.photographs(8)
    maker.write("bad.jpg", b"no picture")
    strict = ("--root", "root", "--set", "gates.min_objects=1", "--set", "gates.ingested.max_reject_share=0.05")
    held = winnow("run", maker.folder, *strict, "--json")
    assert held.code == 3
    batch = held.json["held"][0]
    assert (held.json["outcomes"]["held"], held.json["gates"]["hold"]) == (9, 1)
    states = {run["state_name"]: run["state_type"] for run in ask(server, "flow_runs")}
    assert states["Held"] == "COMPLETED"
    status = said("status", "--root", "root", code=3)
    assert f"held {batch}" in status
    assert "share of rejects: observed 0.1111, allowed at most 0.05" in status
    again = winnow("run", maker.folder, *strict, "--json")
    assert (again.code, again.json["run_id"]) == (3, None)
    empty = winnow("release", batch, "--note", "", "--root", "root")
    assert (empty.code, empty.out) == (2, "")
    released = winnow("release", batch, "--note", "one bad file is fine", *strict, "--json")
    assert released.code == 0, released.err
    assert (released.json["outcomes"]["sample"], released.json["selected"]) == (8, 8)
    said("status", "--root", "root", code=0)


def test_query_tag_report_and_doctor(winnow: Command, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(5)
    curate(settings_for(maker.folder, tmp_path / "root"))
    count = "SELECT count(*) AS n FROM samples"
    assert json.loads(winnow("query", count, "--root", "root", "--format", "json").out) == [{"n": 5}]
    assert said("query", count, "--root", "root", "--format", "csv") == "n\n5\n"
    assert "1 rows" in said("query", count, "--root", "root")
    odd = "SELECT sum(2) AS a, 1.5 AS a, [sum(1)] AS b, 'x'::BLOB AS c, DATE '2026-05-31' AS d FROM (SELECT 1)"
    row = {"a": 2, "a_1": 1.5, "b": [1], "c": "78", "d": "2026-05-31"}
    assert json.loads(said("query", odd, "--root", "root", "--format", "json")) == [row]
    assert said("query", odd, "--root", "root", "--format", "csv").startswith("a,a_1,b,c,d\n2,1.5,")
    described = said("query", "--root", "root")
    assert all(word in described for word in ("phash", "kept", "embeddings", "labels"))
    import pyarrow.parquet as pq

    raw = subprocess.run(
        [WINNOW, "query", "SELECT sample_id, thumbnail FROM samples", "--format", "parquet", "--root", "root"],
        capture_output=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    (tmp_path / "out.parquet").write_bytes(raw)
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 5
    assert "5 samples would be tagged" in said("tag", "all", "--where", "true", "--dry-run", "--root", "root")
    assert "5 newly tagged" in said("tag", "all", "--where", "true", "--root", "root")
    page = said("report", "--root", "root").strip()
    assert Path(page).is_file()
    doctor = winnow("doctor", maker.folder, "--root", "root")
    assert doctor.code == 0, doctor.out
    assert "5 files, 5 of them taken" in doctor.out


def test_retry__tells_one_json_object(winnow: Command, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(2)
    maker.write("bad.jpg", b"no picture")
    curate(settings_for(maker.folder, tmp_path / "root"))
    assert json.loads(said("retry", "--root", "root", "--dry-run", "--json")) == {"would_open": 1}
    assert said("retry", "--root", "root", "--dry-run") == "1 rejects would be opened again.\n"
    assert json.loads(said("retry", "--root", "root", "--reason", "decoder_crash", "--json")) == {"opened": 0}
    assert winnow("retry", "--root", "root", "--json").json["rejects"] == {"not_an_image": 1}


def test_init__writes_settings_that_the_next_command_uses(winnow: Command, maker: Maker) -> None:
    maker.photographs(2)
    assert winnow("init", maker.folder, "--root", "here").code == 0
    doctor = winnow("doctor")
    assert "2 files, 2 of them taken" in doctor.out
    assert "/here (will be made)" in doctor.out


def test_without_a_server_prefect_starts_one_of_its_own(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3)
    env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run(
        [WINNOW, "run", maker.folder, "--root", "root", "--json"],
        capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outcomes"]["sample"] == 3
    assert told["run_id"]


def test_wrong_weights__exit_2_and_the_rest_is_kept(winnow: Command, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(3)
    (tmp_path / "resnet18.safetensors").write_bytes(b"junk")
    done = winnow("run", maker.folder, "--root", "root", "--checkpoint", "resnet18.safetensors")
    assert done.code == 2
    assert "is no safetensors file" in done.err
    assert "Traceback" not in done.err
    assert curate(settings_for(maker.folder, tmp_path / "root")).counts["embedded"] == 3


def test_a_server_that_is_away__exit_1_in_plain_words(winnow: Command, maker: Maker) -> None:
    maker.photographs(1)
    done = winnow("run", maker.folder, "--root", "root", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.code == 1
    assert "The Prefect server at http://127.0.0.1:9/api does not answer" in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk__exit_1_and_goes_on_when_there_is_space(winnow: Command, maker: Maker, tmp_path: Path) -> None:
    maker.photographs(60, width=640, height=480)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.decode()}")
    try:
        full = winnow("run", maker.folder, "--root", disk / "root", "--json")
        assert full.code == 1
        assert "disk is full" in full.err
        assert "Traceback" not in full.err
        assert full.out == ""
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        done = winnow("run", maker.folder, "--root", disk / "root", "--json")
        assert done.code == 0, done.err
        count = "SELECT count(*) AS n FROM samples"
        assert said("query", count, "--root", str(disk / "root"), "--format", "csv") == "n\n60\n"
    finally:
        subprocess.run(["umount", disk], check=True)
