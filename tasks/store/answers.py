"""What S3 answered when something went wrong: its code, its status, and whether the same request may succeed later."""

import re
from typing import Any

_RETRIED_CODES = {"RequestTimeout", "ConditionalRequestConflict", "OperationAborted"}


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


def is_passing(error: Exception) -> bool:
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
