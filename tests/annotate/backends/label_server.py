"""A real Label Studio for tests, started as `make label-studio` does, and the people who work in it."""

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.flows.servers import free_port, wait_for

HOUSE = Path(__file__).parents[3]
INSTALLED = HOUSE / ".venv-label-studio" / "bin" / "label-studio"

TOKEN = "0123456789012345678901234567890123456789"


class LabelServer:
    """The server. It can be killed and started again, and has its data then.

    Attributes:
        url: where it is.
        port: the same.
        root: the folder whose images it shows.
    """

    def __init__(self, home: Path, root: Path) -> None:
        self.port, self.root = free_port(), root
        self.url = f"http://127.0.0.1:{self.port}"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        env = {
            **os.environ,
            "PORT": str(self.port),
            "ROOT": str(self.root),
            "LABEL_STUDIO_DATA": str(self._home / "data"),
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
        }
        with (self._home / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [HOUSE / "infra" / "label-studio"], stdout=log, stderr=log, env=env, start_new_session=True
            )
        wait_for(f"{self.url}/api/version", self._process, seconds=300)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def person(self, token: str = TOKEN) -> httpx.Client:
        """Somebody with an access token; without one, who started it."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Token {token}"}, timeout=120)

    def invite(self, email: str) -> httpx.Client:
        """Somebody new, who signs up by the link that the first user was given."""
        link = self.person().get("/api/invite").json()["invite_url"]
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=120) as page:
            form = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.get(link).text)
            assert form is not None
            page.post(link, data={"email": email, "password": "long-enough", "csrfmiddlewaretoken": form[1]})
            return self.person(page.get("/api/current-user/token").json()["token"])


def tasks_of(person: httpx.Client, project: int, **more: Any) -> list[dict[str, Any]]:
    """All tasks of a project."""
    asked = {"project": project, "page_size": 10_000, "fields": "all", "resolve_uri": "false", **more}
    found: list[dict[str, Any]] = person.get("/api/tasks", params=asked).json()["tasks"]
    return found


def annotate(person: httpx.Client, task: int, results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Submit an annotation."""
    answer = person.post(f"/api/tasks/{task}/annotations/", json={"result": results, **more})
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made
