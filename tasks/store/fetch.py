"""Fetching one object, whole, in exactly one version; and what an error says about it."""

import contextlib
import shutil
from typing import BinaryIO

from tasks.store import s3
from tasks.store.answers import code_of, said, status_of
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.patience import note_answer, persist
from tasks.store.storage import to_key
from tasks.store.trouble import credentials_trouble

_CHUNK = 2**20

_REASONS = {403: "permission", 404: "not_found", 412: "changed"}


def fetch(uri: str, version: str | None = None) -> bytes:
    """All bytes of an object, now. Raises Unreachable."""
    bucket, key = to_key(uri)
    condition = {"IfMatch": f'"{version}"'} if version else {}

    def get() -> bytes:
        with contextlib.closing(s3.client().get_object(Bucket=bucket, Key=key, **condition)["Body"]) as body:
            note_answer()
            content: bytes = body.read()
            return content

    try:
        return persist(get)
    except Exception as error:
        raise unreachable(error) from error


def fetch_into(file: BinaryIO, uri: str, version: str | None = None) -> None:
    """Stream all bytes of an object into an empty file, and go to its start.

    A body that broke off is gone on with, as often as that brings it further.

    Raises Unreachable.
    """
    bucket, key = to_key(uri)
    condition = {"IfMatch": f'"{version}"'} if version else {}

    def get() -> None:
        if file.tell():
            condition["Range"] = f"bytes={file.tell()}-"
        answer = s3.client().get_object(Bucket=bucket, Key=key, **condition)
        condition["IfMatch"] = answer["ETag"]
        if answer["ResponseMetadata"]["HTTPStatusCode"] != 206:  # all of it, whatever was asked for
            file.seek(0)
            file.truncate()
        with contextlib.closing(answer["Body"]) as body:
            note_answer()
            shutil.copyfileobj(body, file, _CHUNK)

    try:
        persist(get, file.tell)
    except Exception as error:
        raise unreachable(error) from error
    file.flush()
    file.seek(0)


def unreachable(error: Exception) -> Exception:
    """An error about one object: that it cannot be reached, unless the whole store or the credentials are at fault."""
    whole = error if isinstance(error, WinnowError) else credentials_trouble(error)
    if whole:
        return whole
    if code_of(error) == "InvalidObjectState":
        return Unreachable("archived", "it lies in an archive (GLACIER or alike): restore it first")
    return Unreachable(_REASONS.get(status_of(error), "io_error"), said(error))
