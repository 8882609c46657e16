"""The compose file: nothing is open to the network, no password is in it, and everything is watched."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Context
from typer.main import get_command

from flows.cli import app
from flows.settings import load_settings

INFRA = Path(__file__).parents[2] / "infra"
TEXT = (INFRA / "compose.yaml").read_text()
STATED: dict[str, Any] = yaml.safe_load(TEXT)


@pytest.mark.parametrize("name", STATED["services"])
def test_services__are_watched_restarted_and_open_to_this_machine_only(name: str) -> None:
    service = STATED["services"][name]
    assert service["restart"] == ("on-failure:5" if name == "deploy" else "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or name in ("worker", "deploy")  # the image brings the worker's, deploy ends
    for needed, on in service.get("depends_on", {}).items():
        ends = needed == "deploy"
        assert on == {"condition": "service_completed_successfully" if ends else "service_healthy"}
        assert ends or "healthcheck" in STATED["services"][needed]


@pytest.mark.parametrize("name", ["deploy", "listener"])
def test_commands__are_commands_of_winnow(name: str) -> None:
    first, command = STATED["services"][name]["command"]
    assert first == "winnow"
    assert command in get_command(app).list_commands(Context(get_command(app)))  # type: ignore[attr-defined]


def test_passwords__come_from_the_environment_and_their_lack_is_told() -> None:
    asked = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", TEXT)
    stated = {line.partition("=")[0] for line in (INFRA / ".env.example").read_text().splitlines() if "=" in line}
    assert {name for name, _ in asked} == stated
    for name, rest in asked:
        assert rest == ":-" if name.startswith("LABEL_STUDIO_") else rest == f":?set {name} in infra/.env"
    assert re.findall(r"^ *\w*(?:PASSWORD|SECRET\w*|TOKEN): (?!\$\{).*", TEXT, re.MULTILINE) == [
        '      LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN: "true"'
    ]


def test_volumes__that_are_used_are_named() -> None:
    used = {
        volume.partition(":")[0]
        for service in STATED["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "$"))
    }
    assert used == set(STATED["volumes"])


def test_settings__are_settings_of_winnow() -> None:
    settings = load_settings(str(INFRA / "winnow.yaml"))
    assert (settings.root, settings.learn.tracking_uri) == ("s3://winnow/root", "http://mlflow:5000")


def test_image__holds_every_package_that_runs() -> None:
    needed = {"tasks", "flows", "deployments", "requirements.txt", "requirements-uv.txt"}
    let_in = {line[1:] for line in (INFRA / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = set(re.findall(r"^COPY (?!--)(.*) \S+$", (INFRA / "Dockerfile").read_text(), re.MULTILINE))
    assert needed <= let_in == {name for line in copied for name in line.split()}
