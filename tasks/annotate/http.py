"""Ask a label server over HTTP: again, ever slower, while it is away; what is wrong is told in one sentence."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tasks.store.errors import UsageError, WinnowError

LONGEST_PAUSE_S = 10.0

_PASSING = {408, 425, 429}


class Unsure(WinnowError):
    """Nobody knows whether a request was carried out: look before it is made again."""


class Server:
    """One server.

    Attributes:
        url: without a slash at its end.
    """

    def __init__(
        self, name: str, url: str, credentials: Callable[["Server"], str], *, timeout_s: float, patience_s: float
    ) -> None:
        """Nothing is asked yet.

        Args:
            name: what people call it.
            url: where it is.
            credentials: gives the header `Authorization`; asked for again when the server no longer takes it.
            timeout_s: seconds that one answer may take.
            patience_s: seconds for which a request is made again.

        Raises:
            UsageError: that is no address.
        """
        self.url = url.rstrip("/")
        self._name, self._credentials, self._patience_s = name, credentials, patience_s
        try:
            self._client = httpx.Client(base_url=self.url, timeout=timeout_s, headers={"Accept": "application/json"})
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.url} is no address of a {name} ({error}).") from error
        self._authorization: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        again: bool = True,
        signed: bool = True,
        may_miss: bool = False,
        **parts: Any,
    ) -> Any:
        """The JSON of the answer; None where it has no content.

        Args:
            method: GET, POST, ...
            path: below the URL.
            again: whether asking twice does no harm.
            signed: whether the request carries the credentials.
            may_miss: give None for what is not there.
            parts: `params` or `json`, as httpx takes them.

        Raises:
            Unsure: it must not be asked twice, and no answer came that says whether it was carried out.
            UsageError: the server refuses it.
            WinnowError: the server does not answer, or fails, for as long as there is patience.
        """
        deadline, pause = time.monotonic() + self._patience_s, 0.25
        while True:
            trouble = self._try(method, path, signed, parts)
            if isinstance(trouble, httpx.Response):
                if trouble.status_code == 404 and may_miss:
                    return None
                return _content(trouble, self._name, self.url)
            if not again:
                raise Unsure(trouble)
            if time.monotonic() > deadline:
                raise WinnowError(trouble)
            pause = min(LONGEST_PAUSE_S, 2 * pause)
            time.sleep(random.uniform(0.1, pause))  # noqa: S311

    def _try(self, method: str, path: str, signed: bool, parts: dict[str, Any]) -> httpx.Response | str:
        """The answer, or why there is none that counts."""
        try:
            answer = self._send(method, path, signed, parts)
            if answer.status_code == 401 and signed:
                self._authorization = None
                answer = self._send(method, path, signed, parts)
        except (httpx.TransportError, UnicodeError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            return f"{self._name} at {self.url} does not answer ({said}): start it, or look why, and run this again."
        if answer.status_code in _PASSING or answer.is_server_error:
            return (
                f"{self._name} at {self.url} fails ({answer.status_code}: {_said(answer)}): look at its log and its "
                "disk, and run this again."
            )
        return answer

    def _send(self, method: str, path: str, signed: bool, parts: dict[str, Any]) -> httpx.Response:
        headers = {}
        if signed:
            self._authorization = self._authorization or self._credentials(self)
            headers["Authorization"] = self._authorization
        return self._client.request(method, path, headers=headers, **parts)


def _content(answer: httpx.Response, name: str, url: str) -> Any:
    status = answer.status_code
    if status in (401, 403):
        raise UsageError(
            f"{name} at {url} refuses the token ({status}: {_said(answer)}): give it one that may do this."
        )
    if answer.is_redirect:
        raise UsageError(f"{url} leads on to {answer.headers.get('location', '')[:200]}: name that address instead.")
    if status == 404:
        raise UsageError(f"{name} at {url} knows no {answer.request.url.path}: is it gone, or is this another server?")
    if status == 413:
        raise UsageError(f"{name} at {url}, or what stands before it, takes no requests of that size (413).")
    if not answer.is_success:
        raise UsageError(f"{name} at {url} refuses ({status}: {_said(answer)}).")
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise UsageError(f"What answers at {url} is no {name}: name its address.") from error


def _said(answer: httpx.Response) -> str:
    """What an answer says is wrong, as far as it says so, on one line."""
    try:
        told = answer.json()
    except ValueError:
        return answer.reason_phrase
    if isinstance(told, dict):
        told = told.get("validation_errors") or told.get("detail") or told
    return " ".join(" ".join(_sentences(told)).split())[:300]


def _sentences(told: Any) -> Iterator[str]:
    """Every text in what a validation says, which is nested in names and lists."""
    if isinstance(told, dict | list):
        for part in told.values() if isinstance(told, dict) else told:
            yield from _sentences(part)
    else:
        yield str(told)
