"""A bucket as storage: any key, whole objects of exactly one version, conditional writes."""

import contextlib
import io
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from tasks.store import s3
from tasks.store.ahead import take
from tasks.store.answers import status_of
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.fetch import fetch, fetch_into, unreachable
from tasks.store.listing import entry_of, list_objects, pages
from tasks.store.patience import persist
from tasks.store.storage import Entry, key_uri, to_key
from tasks.store.trouble import in_words

LARGE_BYTES = 64 * 2**20
"""Larger contents are sent in parts, side by side."""

_BATCH = 1000
"""Keys that one request may delete."""


class Bucket:
    """Any bucket that the client of this process reaches."""

    def list(self, uri: str, leave_out: str | None = None) -> Iterator[Entry]:
        """Every object whose key begins with that of `uri` and a slash, but for the empty ones that mark a folder."""
        with _told(uri):
            yield from list_objects(uri, leave_out)

    def names(self, uri: str) -> Iterator[str]:
        """What stands between the key of `uri` and the next slash."""
        bucket, prefix = _below(uri)
        with _told(uri):
            for page in pages(Bucket=bucket, Prefix=prefix, Delimiter="/"):
                found = [one["Key"] for one in page.get("Contents", [])]
                found += [one["Prefix"].removesuffix("/") for one in page.get("CommonPrefixes", [])]
                yield from (name for name in (key.removeprefix(prefix) for key in found) if name)

    def stat(self, uri: str) -> Entry:
        """One object, by a request for its head."""
        bucket, key = to_key(uri)
        try:
            head = persist(lambda: s3.client().head_object(Bucket=bucket, Key=key))
        except Exception as error:
            raise unreachable(error) from error
        return entry_of(bucket, {**head, "Key": key, "Size": head["ContentLength"]})

    def read(self, uri: str, version: str | None = None) -> bytes:
        """All bytes; a body that breaks off is asked for again."""
        fetched = take(uri, version)
        return fetched if fetched is not None else fetch(uri, version)

    @contextlib.contextmanager
    def local_copy(self, uri: str, version: str | None = None) -> Iterator[BinaryIO]:
        """A temporary file without a name, with one version of the object, whatever becomes of that meanwhile."""
        with tempfile.TemporaryFile() as file:
            fetch_into(file, uri, version)
            yield file

    def write(self, uri: str, content: bytes | memoryview) -> None:
        """Put it there in one request, or in parts that appear at once as one object."""
        bucket, key = to_key(uri)
        with _told(uri):
            if len(content) <= LARGE_BYTES:
                persist(lambda: s3.client().put_object(Bucket=bucket, Key=key, Body=io.BytesIO(content)))
            else:
                persist(lambda: _put_in_parts(bucket, key, content))

    def create(self, uri: str, content: bytes | memoryview) -> bool:
        """Put it there with `If-None-Match: *`: of several writers exactly one is told True."""
        return self.put_if(uri, content, IfNoneMatch="*") is not None

    def put_if(self, uri: str, content: bytes | memoryview, **condition: str) -> str | None:
        """Put it there if the condition of S3 holds; the version that it got, None if the condition does not hold.

        An answer may be lost after the store took the content, and asking again is refused then: what lies there
        decides whose it is.
        """
        bucket, key = to_key(uri)
        asked = itertools.count()

        def put() -> Any:
            next(asked)
            return s3.client().put_object(Bucket=bucket, Key=key, Body=io.BytesIO(content), **condition)

        with _told(uri):
            try:
                return str(persist(put)["ETag"]).strip('"')
            except Exception as error:
                if status_of(error) not in (404, 412):
                    raise
                again = next(asked) > 1 or error.response["ResponseMetadata"]["RetryAttempts"]  # type: ignore[attr-defined]
                return self._version_if(uri, content) if again else None

    def copy(self, uri: str, to: str) -> None:
        """Copied by the store itself, in parts if it is large."""
        bucket, key = to_key(uri)
        target, name = to_key(to)
        try:
            persist(lambda: s3.client().copy({"Bucket": bucket, "Key": key}, target, name))
        except Exception as error:
            raise unreachable(error) from error

    def delete(self, uri: str) -> None:
        """Remove an object, and everything below its key, a thousand at a time."""
        bucket, prefix = _below(uri)
        with _told(uri):
            persist(lambda: s3.client().delete_object(Bucket=bucket, Key=prefix.removesuffix("/")))
            for page in pages(Bucket=bucket, Prefix=prefix, MaxKeys=_BATCH):
                _delete_all(bucket, [one["Key"] for one in page.get("Contents", [])])

    def _version_if(self, uri: str, content: bytes | memoryview) -> str | None:
        try:
            version = self.stat(uri).version
            return version if self.read(uri, version) == content else None
        except Unreachable:
            return None


def _below(uri: str) -> tuple[str, str]:
    bucket, key = to_key(uri)
    return bucket, f"{key}/" if key else ""


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Errors about a place as one plain sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise in_words(error, uri) from error


def _put_in_parts(bucket: str, key: str, content: bytes | memoryview) -> None:
    from boto3.s3.transfer import TransferConfig

    how = TransferConfig(multipart_threshold=LARGE_BYTES, multipart_chunksize=LARGE_BYTES // 4, max_concurrency=8)
    s3.client().upload_fileobj(io.BytesIO(content), bucket, key, Config=how)


def _delete_all(bucket: str, keys: Iterable[str]) -> None:
    objects = [{"Key": key} for key in keys]
    if not objects:
        return
    asked = {"Objects": objects, "Quiet": True}
    answer = persist(lambda: s3.client().delete_objects(Bucket=bucket, Delete=asked))
    for problem in answer.get("Errors", []):
        raise WinnowError(f"{key_uri(bucket, problem['Key'])} cannot be deleted ({problem.get('Message')}).")
