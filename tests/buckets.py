"""Buckets for tests: moto's server, over HTTP, behind a proxy that can spoil answers, hold them up and count them."""

import contextlib
import http.client
import http.server
import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KEY, SECRET = "AKIDTESTTESTTESTTEST", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYSECRETSECRET"
REGION = "eu-central-1"

_REFUSED = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>injected</Message></Error>"


@dataclass
class Faults:
    """What the proxy does to requests.

    Attributes:
        unavailable: share that is answered 503.
        cut: share of answers with a body whose body breaks off.
        away_until: moment (monotonic seconds) up to which connections are closed without an answer.
        delay_s: seconds before every answer.
        refuse: gives an HTTP status and a code for a method and a path, or None.
        lose: says of a request that it is carried out and its answer lost.
        deaf: conditions of writes are not heard, as by some stores.
        whole: ranges are not heard.
    """

    unavailable: float = 0.0
    cut: float = 0.0
    away_until: float = 0.0
    delay_s: float = 0.0
    refuse: Callable[[str, str], tuple[int, str] | None] = lambda *_: None
    lose: Callable[[str, str], bool] = lambda *_: False
    deaf: bool = False
    whole: bool = False


@dataclass
class Buckets:
    """An S3 endpoint with faults on demand.

    Attributes:
        url: of the endpoint.
        faults: what happens to requests from now on.
        seen: method, path and status of every request.
    """

    url: str
    faults: Faults = field(default_factory=Faults)
    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def client(self) -> Any:
        """The client of this process."""
        from tasks.store import s3

        return s3.client()

    def make(self, name: str = "b") -> str:
        """A fresh bucket; its URI."""
        bucket = f"{name}-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        return f"s3://{bucket}"

    def put(self, bucket: str, key: str, content: bytes, **options: Any) -> None:
        """Put an object into a bucket, given by its URI."""
        self.client().put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=content, **options)

    def fill(self, bucket: str, contents: Mapping[str, bytes]) -> None:
        """Put many objects there without as many requests."""
        from moto.backends import get_backend

        backend = get_backend("s3")["123456789012"]["aws"]
        for key, content in contents.items():
            backend.put_object(bucket.removeprefix("s3://"), key, content)

    def keys(self, bucket: str) -> dict[str, bytes]:
        """Everything in a bucket."""
        name = bucket.removeprefix("s3://")
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=name)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {key: self.client().get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


def reserve() -> http.server.ThreadingHTTPServer:
    """Bind the proxy to a port, so that its URL is known before any process is started; it listens once it is run."""
    proxy = _Proxy(("127.0.0.1", 0), _Handler)
    os.environ |= {
        **{f"AWS_ENDPOINT_URL_{name}": f"http://127.0.0.1:{proxy.server_address[1]}" for name in ("S3", "SQS", "STS")},
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)
    return proxy


@contextlib.contextmanager
def serving(proxy: Any) -> Any:
    """Run moto's server and the proxy before it."""
    from moto.moto_server import utilities
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    begin = utilities.RegexConverter.__init__

    def any_character(self: Any, url_map: Any, *items: str) -> None:
        begin(self, url_map, *items)
        self.regex = f"(?s:{self.regex})"  # keys may hold line breaks

    utilities.RegexConverter.__init__ = any_character
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    proxy.behind = moto.get_host_and_port()
    proxy.buckets = Buckets(os.environ["AWS_ENDPOINT_URL_S3"])
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy.buckets
    proxy.shutdown()
    moto.stop()


@contextlib.contextmanager
def spoiling(behind: tuple[str, int]) -> Iterator[Buckets]:
    """The same proxy before another server: its URL, what it saw, and the faults it makes."""
    proxy = _Proxy(("127.0.0.1", 0), _Handler)
    proxy.behind = behind
    proxy.buckets = Buckets(f"http://127.0.0.1:{proxy.server_address[1]}")
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy.buckets
    proxy.shutdown()


class _Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    behind: tuple[str, int]
    buckets: Buckets
    chance = random.Random(3)

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        faults, path = self.server.buckets.faults, self.path
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        time.sleep(faults.delay_s)
        refused = faults.refuse(self.command, path)
        if time.monotonic() < faults.away_until:
            self.close_connection = True
        elif refused or self.server.chance.random() < faults.unavailable:
            status, code = refused or (503, "SlowDown")
            self._answer(status, [], _REFUSED % code.encode())
        else:
            self._pass_on(body, faults)

    do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _pass_on(self, body: bytes, faults: Faults) -> None:
        behind = http.client.HTTPConnection(*self.server.behind, timeout=60)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            unheard = {"if-none-match": faults.deaf, "range": faults.whole}
            if not unheard.get(name.lower()):
                behind.putheader(name, value)
        behind.endheaders(body)
        answer = behind.getresponse()
        content = answer.read()
        if faults.lose(self.command, self.path):
            self.close_connection = True
        else:
            cut = bool(content) and self.server.chance.random() < faults.cut
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            self._answer(answer.status, answer.getheaders(), content, length, cut)
        behind.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, length: str | None = None, cut: bool = False
    ) -> None:
        self.server.buckets.seen.append((self.command, self.path, status))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("content-length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut
