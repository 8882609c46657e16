"""Which programs serve a root on this machine, what each is told, and how each is asked whether it is well."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from deployments.databases import mlflow_store, prefect_connection
from deployments.lag import has_queue
from flows.settings import Settings
from tasks.store.errors import UsageError
from tasks.store.storage import in_bucket, to_path

POOL = "winnow"
"""The work pool that runs Winnow's deployments."""

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Where the server keeps who is at work: one that starts anew would end the runs that it does not know of."""

INFRA = Path(__file__).parents[1] / "infra"


@dataclass(frozen=True)
class Program:
    """One process that is kept running.

    Attributes:
        name: what it and its log are called.
        command: as a shell would split it.
        health: an address that answers with status 200 when it is well; none if running is all there is to see.
        expects: what that answer has to contain.
        page: what a person opens.
        port: what it listens on.
        port_setting: the setting that says so.
    """

    name: str
    command: str
    health: str | None = None
    expects: str = ""
    page: str | None = None
    port: int | None = None
    port_setting: str = ""


def servers(settings: Settings) -> list[Program]:
    """What has to answer before anything can be deployed. Raises UsageError if one is asked for and not installed."""
    ports = settings.service.ports
    started = [
        _server("prefect", "prefect server start --host 127.0.0.1 --port {port}", ports.prefect, "/api/ready"),
        _server("mlflow", "mlflow server --host 127.0.0.1 --port {port} --workers 1", ports.mlflow, "/health"),
    ]
    if settings.service.label_studio:
        if not (INFRA.parent / ".venv-label-studio" / "ready").exists():
            raise UsageError("Label Studio is not installed: `make up LABEL_STUDIO=1` installs and starts it.")
        script = shlex.quote(str(INFRA / "label-studio"))
        started.append(_server("label-studio", script, ports.label_studio, "/api/version"))
    return started


def _server(name: str, command: str, port: int, health: str) -> Program:
    page = f"http://127.0.0.1:{port}"
    return Program(
        name, command.format(port=port), page + health, "", page, port, f"service.ports.{name.replace('-', '_')}"
    )


def workers(settings: Settings) -> list[Program]:
    """What takes work from the servers: the worker, and the listener where something tells of what arrives."""
    pool = f"{api(settings)}/work_pools/{POOL}"
    worker = f"prefect worker start --pool {POOL} --type process --name {POOL}"
    listener = [Program("listener", "winnow watch")] if _is_listened_to(settings) else []
    return [Program("worker", worker, pool, '"status":"READY"'), *listener]


def _is_listened_to(settings: Settings) -> bool:
    """A folder tells of what arrives by itself, a bucket through a queue."""
    if settings.source is None:
        return False
    if in_bucket(settings.source_uri):
        return has_queue(settings)
    return not to_path(settings.source_uri).is_file()


def api(settings: Settings) -> str:
    """The address of the Prefect server's API."""
    return f"http://127.0.0.1:{settings.service.ports.prefect}/api"


def environment(settings: Settings, config: str | None, data: Path) -> dict[str, str]:
    """What all programs find in their environment: passwords are nowhere else, neither in a file nor in a command.

    Args:
        settings: of the root that is served.
        config: its settings file.
        data: the folder of the service.
    """
    ports = settings.service.ports
    told = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "PREFECT_API_URL": api(settings),
        "PREFECT_HOME": str(data / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": prefect_connection(settings.service.database, data),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
        "MLFLOW_BACKEND_STORE_URI": mlflow_store(settings.service.database, data),
        "MLFLOW_ARTIFACTS_DESTINATION": str(data / "mlflow" / "artifacts"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "WINNOW_TRACKING_URI": f"http://127.0.0.1:{ports.mlflow}",
    }
    if config is not None:
        told["WINNOW_CONFIG"] = os.path.abspath(config)
    if settings.service.label_studio:
        token = _kept_token(data / "label-studio" / "token")
        told |= {
            "PORT": str(ports.label_studio),
            "ROOT": os.getcwd() if in_bucket(settings.root_uri) else str(to_path(settings.root_uri)),
            "LABEL_STUDIO_DATA": str(data / "label-studio"),
            "LABEL_STUDIO_USER_TOKEN": token,
        }
        told["WINNOW_LABEL_STUDIO_TOKEN"] = os.environ.get("WINNOW_LABEL_STUDIO_TOKEN", token)
    return told


def _kept_token(place: Path) -> str:
    """The token of Label Studio's first user, made before its first start, so that the worker knows it too."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.touch(mode=0o600)
        place.write_text(secrets.token_hex(20))
    return place.read_text().strip()
