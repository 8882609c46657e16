"""The way to S3: one client a process, patience with a store that falters, errors in plain words, options for Lance.

Credentials, region and endpoint come from where boto3 looks for them (environment, profile, SSO, role), and go nowhere
but into the clients. Without any, requests are not signed: public buckets can be read.
"""

import functools
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tasks.store.errors import UsageError, WinnowError
from tasks.store.storage import to_key

Answer = TypeVar("Answer")

PATIENCE_S = 180.0
"""Seconds for which a store that answers nobody is asked again before a run gives up."""

FIRST_PATIENCE_S = 15.0
"""The same for an address from which no answer has come yet: it may be misspelt."""

ATTEMPTS = 8
"""How often one request is made that fails while others succeed, each time twice."""

LONGEST_PAUSE_S = 10.0

CONNECTIONS = 64

_RETRIED_CODES = {"RequestTimeout", "ConditionalRequestConflict", "OperationAborted"}
_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN_CODES = {"InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "AuthFailure", "InvalidSecurity"}
_REGION_CODES = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}

_AWS = re.compile(r"https://s3[.-]([a-z0-9-]+\.)?amazonaws\.com(\.cn)?")

_STARTING = threading.Lock()
_answered_at: float | None = None


class StoreAwayError(WinnowError):
    """Nothing was answered for so long that going on is pointless; nothing is said about any object."""


def client() -> Any:
    """The client of this process; its threads share it. Raises UsageError for a profile that is not there."""
    with _STARTING:
        return _client()


def persist(ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives; asked again, after ever longer pauses with jitter, while the store falters or slows us down.

    Raises:
        UsageError: the address never answered.
        StoreAwayError: nobody has been answered for PATIENCE_S.
        Exception: the last error, where the store does answer; any error that asking again cannot mend.
    """
    patience = _Patience()
    while True:
        try:
            answer = ask()
        except Exception as error:
            if not _is_passing(error):
                note_answer()
                raise
            patience.wear(error)
        else:
            note_answer()
            return answer


def note_answer() -> None:
    """The store is there, for whomever: what fails now is not the way to it."""
    global _answered_at
    _answered_at = time.monotonic()


def expect_answers() -> None:
    """Have the full patience from the start: another process of the run was answered."""
    global _answered_at
    _answered_at = _answered_at or 0.0


def code_of(error: Exception) -> str:
    """The code of an error that S3 answered with, the HTTP status where it has none; empty for others."""
    return str(_answer(error).get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int:
    """The HTTP status of an answer; 0 where none came."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def said(error: Exception) -> str:
    """What S3 said."""
    message = _answer(error).get("Error", {}).get("Message", "") or str(error)
    return f"{code_of(error)}: {message}".removeprefix(": ")


def _answer(error: Exception) -> dict[str, Any]:
    return getattr(error, "response", None) or {}


def credentials_trouble(error: Exception) -> UsageError | None:
    """The sentence about an error that lies with the credentials and not with what was asked for."""
    from botocore import exceptions

    if code_of(error) in _EXPIRED_CODES:
        return UsageError(
            "The credentials for S3 have expired: renew them (`aws sso login`, or a new token) and run it again; "
            "nothing is lost."
        )
    if code_of(error) in _UNKNOWN_CODES:
        return UsageError(
            f"S3 does not take the credentials ({code_of(error)}): check AWS_PROFILE, or AWS_ACCESS_KEY_ID and its "
            "secret."
        )
    if isinstance(error, exceptions.ParamValidationError):
        return None
    if isinstance(error, exceptions.BotoCoreError) and not _is_passing(error):
        return UsageError(f"S3 cannot be used as it is set up: {error} Check AWS_PROFILE and what it names.")
    return None


def in_words(error: Exception, uri: str) -> WinnowError:
    """One plain sentence about an error that concerns a whole place and not one object in it."""
    bucket = to_key(uri)[0]
    trouble = credentials_trouble(error)
    if isinstance(error, WinnowError) or trouble:
        return trouble or error  # type: ignore[return-value]
    if code_of(error) == "NoSuchBucket" or status_of(error) == 404:
        return UsageError(f"There is no bucket {bucket} at {_address()}: name one that exists, Winnow makes none.")
    if code_of(error) in _REGION_CODES:
        return UsageError(f"The bucket {bucket} is in another region: set AWS_REGION to it ({said(error)}).")
    if status_of(error) == 403 and not _credentials():
        return UsageError(
            f"{uri} is not public, and no credentials for S3 were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its "
            "secret."
        )
    if status_of(error) == 403:
        return UsageError(
            f"Access to {uri} is denied ({said(error)}): ask for s3:ListBucket on the bucket, s3:GetObject on what is "
            "in it, and for a root s3:PutObject and s3:DeleteObject."
        )
    if status_of(error) in (0, 400, 409) and not _is_passing(error):
        return UsageError(f"{uri} cannot be used ({said(error)}).")
    return WinnowError(f"{uri} cannot be reached ({said(error)}); run the same command again to go on.")


def lance_options(uri: str) -> dict[str, str]:
    """What Lance's own client needs to reach a URI, with credentials that are fresh now."""
    bucket = to_key(uri)[0]
    options = {
        "aws_region": _region(bucket),
        "connect_timeout": "10s",
        "timeout": "120s",
        "client_retry_timeout": str(int(PATIENCE_S)),
        "client_max_retries": "1000",
        "download_retry_count": "20",
    }
    credentials = _credentials()
    if credentials is None:
        options["aws_skip_signature"] = "true"
    else:
        frozen = _frozen(credentials)
        options |= {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
        options |= {"aws_session_token": frozen.token} if frozen.token else {}
    endpoint = client().meta.endpoint_url
    if not _AWS.fullmatch(endpoint):
        virtual = (client().meta.config.s3 or {}).get("addressing_style") == "virtual"
        options["aws_endpoint"] = endpoint.replace("://", f"://{bucket}.", 1) if virtual else endpoint
        options["aws_virtual_hosted_style_request"] = str(virtual).lower()
        options["allow_http"] = str(endpoint.startswith("http://")).lower()
    return options


@functools.cache
def _session() -> Any:
    import boto3

    return boto3.Session()


def _credentials() -> Any:
    return _session().get_credentials()


def _frozen(credentials: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return persist(credentials.get_frozen_credentials)
    except (BotoCoreError, ClientError) as error:
        raise credentials_trouble(error) or error from error


@functools.cache
def _client() -> Any:
    from botocore import UNSIGNED, exceptions
    from botocore.config import Config

    how = Config(
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        request_checksum_calculation="when_required",  # stores that are no AWS know no other
        response_checksum_validation="when_required",
    )
    try:
        if _credentials() is None:
            how = how.merge(Config(signature_version=UNSIGNED))
        return _session().client("s3", config=how)
    except (exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(
            f"S3 cannot be used as it is set up: {error} Check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL."
        ) from error


@functools.cache
def _region(bucket: str) -> str:
    """Where a bucket is: it says so itself, to those too whom it tells nothing else."""
    from botocore.exceptions import ClientError

    try:
        headers = persist(lambda: client().head_bucket(Bucket=bucket))["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
    stated: str = headers.get("x-amz-bucket-region") or client().meta.region_name
    return "us-east-1" if stated == "aws-global" else stated


def _address() -> str:
    return str(client().meta.endpoint_url)


def _is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed later."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, exceptions.ClientError):
        status = status_of(error)
        return status == 429 or (status >= 500 and status != 501) or code_of(error) in _RETRIED_CODES
    if isinstance(error, (OSError, ValueError)) and "LanceError(IO)" in str(error):
        return re.search(r"status code: 4(?!08|09|29)", str(error)) is None
    broken = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)
    return isinstance(error, (*broken, ResponseParserError))


class _Patience:
    """How long one request is made again: strikes count while the store answers, silence while it does not."""

    def __init__(self) -> None:
        self._began = self._asked = time.monotonic()
        self._strikes = 0

    def wear(self, error: Exception) -> None:
        """Pause before the next try, or raise if there shall be none."""
        now = time.monotonic()
        silence = now - max(self._began, _answered_at or 0.0)
        self._strikes += _answered_at is not None and _answered_at >= self._asked
        misspelt = _answered_at is None and not status_of(error)
        if self._strikes >= ATTEMPTS or (status_of(error) and silence > PATIENCE_S):
            raise error
        cause = " ".join(said(error).split())[:200]
        if misspelt and silence > FIRST_PATIENCE_S:
            raise UsageError(
                f"S3 at {_address()} cannot be reached ({cause}): check the network and AWS_ENDPOINT_URL."
            ) from error
        if silence > PATIENCE_S:
            raise StoreAwayError(
                f"S3 at {_address()} has not answered for {PATIENCE_S / 60:.0f} minutes ({cause}). Run the same "
                "command again when it does: nothing is lost."
            ) from error
        self._pause = min(LONGEST_PAUSE_S, 2 * self._pause)
        time.sleep(random.uniform(0.1, self._pause))  # noqa: S311
        self._asked = time.monotonic()

    _pause = 0.25
