"""A label server that is down, slow, full, another one, or does not know us: one sentence, and no token in it."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tasks.annotate.backends.label_studio import LabelStudio
from tasks.annotate.http import Server, Unsure
from tasks.annotate.settings import LabelStudioSettings
from tasks.labels.ontology import Ontology
from tasks.store.errors import UsageError, WinnowError
from tasks.store.root import Root
from tests.flows.servers import free_port

Reply = tuple[int, str | bytes]


@contextmanager
def answering(reply: Callable[[http.server.BaseHTTPRequestHandler], Reply]) -> Iterator[str]:
    """A server whose every answer is what `reply` gives; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, content = reply(self)
            body = content.encode() if isinstance(content, str) else content
            self.send_response_only(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("location", "https://elsewhere.example/api")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # clients that hang up are no news
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def server_at(url: str, **patience: float) -> Server:
    return Server("Label Studio", url, lambda _: "Token secret", **{"timeout_s": 5.0, "patience_s": 0.0} | patience)


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        ((401, '{"detail": "Invalid token."}'), UsageError, r"refuses the token \(401: Invalid token\.\)"),
        ((403, "{}"), UsageError, "refuses the token"),
        ((302, ""), UsageError, r"leads on to https://elsewhere\.example/api: name that"),
        ((404, "<html/>"), UsageError, "another server"),
        ((413, ""), UsageError, "that size"),
        (
            (400, '{"validation_errors": {"path": ["no such\\n folder"]}}'),
            UsageError,
            r"refuses \(400: no such folder\)",
        ),
        ((200, "<html>Welcome</html>"), UsageError, "is no Label Studio"),
        ((200, b"\xff\xfe"), UsageError, "is no Label Studio"),
        ((507, '{"detail": "disk is full"}'), WinnowError, "disk is full"),
        ((500, '{"detail": "database or disk is full"}'), WinnowError, r"fails \(500: database or disk is full\)"),
        ((503, "<html/>"), WinnowError, "Service Unavailable"),
    ],
)
def test_what_a_server_says_is_one_sentence(reply: Reply, kind: type[WinnowError], why: str) -> None:
    with answering(lambda _: reply) as url, pytest.raises(kind, match=why) as told:
        server_at(url).ask("GET", "/api/projects/")
    assert type(told.value) is kind
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_server_that_is_down_or_slow_is_one_sentence() -> None:
    with pytest.raises(WinnowError, match=r"does not answer \(.*Connection refused.*run this again"):
        server_at(f"http://127.0.0.1:{free_port()}").ask("GET", "/api/projects/")
    with pytest.raises(UsageError, match="no address"):
        server_at("http://labels:port")

    def slow(_: object) -> Reply:
        time.sleep(0.5)
        return 200, "{}"

    with answering(slow) as url, pytest.raises(WinnowError, match="does not answer"):
        server_at(url, timeout_s=0.1).ask("GET", "/api/projects/")


def test_faults_are_waited_for_but_what_must_not_happen_twice_is_asked_once() -> None:
    asked: list[str] = []

    def faltering(request: http.server.BaseHTTPRequestHandler) -> Reply:
        asked.append(request.command)
        return (503, "") if len(asked) < 3 else (200, '{"fine": true}')

    with answering(faltering) as url:
        assert server_at(url, patience_s=30).ask("GET", "/api/projects/") == {"fine": True}
        assert asked == ["GET"] * 3
        asked.clear()
        with pytest.raises(Unsure):
            server_at(url, patience_s=30).ask("POST", "/api/projects/1/import", again=False, json=[])
        assert asked == ["POST"]


def test_a_personal_access_token_is_exchanged_and_again_when_it_has_run_out(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", "head.body.tail\n")
    given: list[str] = []

    def reply(request: http.server.BaseHTTPRequestHandler) -> Reply:
        match request.path:
            case "/api/version":
                return 200, '{"release": "1.23.2"}'
            case "/api/token/refresh":
                given.append(f"access-{len(given)}")
                return 200, json.dumps({"access": given[-1]})
            case _ if request.headers["authorization"] == "Bearer access-1":
                return 200, '{"email": "ann@example.org"}'
            case _:
                return 401, '{"detail": "Token is expired"}'

    with answering(reply) as url:
        assert backend(root, url).check() == {"url": url, "version": "1.23.2", "user": "ann@example.org"}
    assert given == ["access-0", "access-1"]


@pytest.mark.parametrize("token", ["", " ", "sécret", "two words"])
def test_a_token_that_is_none_is_asked_for_without_being_told(
    token: str, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", token)
    with (
        answering(lambda _: (200, "{}")) as url,
        pytest.raises(UsageError, match="copy it from Account & Settings .* WINNOW_LABEL_STUDIO_TOKEN") as told,
    ):
        backend(root, url).check()
    assert not token.strip() or token not in str(told.value)


def test_another_server_that_answers_in_json_is_told_from_a_label_studio(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", "f" * 40)
    asked = Ontology.model_validate({"name": "clothes", "type": "class", "classes": ["hat"]})
    with answering(lambda _: (200, "[]")) as url, pytest.raises(UsageError, match="is no Label Studio"):
        list(backend(root, url).collect(asked, None))


def backend(root: Root, url: str, **settings: Any) -> LabelStudio:
    return LabelStudio(root, LabelStudioSettings.model_validate({"url": url, "patience_s": 0} | settings))


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ValueError, match="pattern"):
        LabelStudioSettings(url="https://ann:secret@labels.example.org")
