"""A root that is registered on a real Prefect server, and a real receiver of notifications."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from tests.flows.servers import prefect_server
from tests.made import Maker


@dataclass
class Receiver:
    """Where a webhook arrives."""

    address: str
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A local HTTP server that keeps what it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told = Receiver(f"http://127.0.0.1:{http.server_port}/hook")
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield told
        http.shutdown()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prefect server's API; events reach it, which pass no proxy."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as found:
        yield found


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncPrefectClient]:
    """A client of it; flows that run in this process are reported to it."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogHandler
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", address)
    with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as made:
        yield made
        APILogHandler().flush()  # both would be sent after the server is gone
        EventsWorker.drain_all(timeout=5)


@pytest.fixture
def config(tmp_path: Path, maker: Maker) -> Callable[..., str]:
    """Writes a winnow.yaml of a root whose batches are held after ingest."""
    maker.photographs(4)

    def write(name: str, **service: Any) -> str:
        place = tmp_path / "winnow.yaml"
        settings = {
            "source": str(maker.folder),
            "root": str(tmp_path / "root"),
            "embed": {"model": "descriptor-1"},
            "gates": {"ingested": {"mode": "approve"}},
            "service": {"name": name, **service},
        }
        place.write_text(json.dumps(settings))
        return str(place)

    return write


def listed(client: SyncPrefectClient, path: str, **body: Any) -> list[dict[str, Any]]:
    """What the server's API lists."""
    answer = client.request("POST", f"/{path}/filter", json={"limit": 200, **body})  # type: ignore[arg-type]
    found: list[dict[str, Any]] = answer.json()
    return found


def wait_until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something is true; what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.3)
    raise TimeoutError(holds)
