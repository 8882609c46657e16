"""Try out a place in a bucket with both clients, ours and Lance's: what a root needs of it, and leave nothing there."""

import uuid
from collections.abc import Iterator

import pyarrow as pa

from tasks.store import s3
from tasks.store.bucket import Bucket
from tasks.store.errors import UsageError, WinnowError
from tasks.store.storage import join
from tasks.store.trouble import in_words


def probe(uri: str) -> Iterator[tuple[str, str | None]]:
    """What was tried below an s3 URI, one client after the other, and what is wrong with it, in one sentence."""
    place = join(uri, f".probe-{uuid.uuid4().hex}")
    try:
        yield "boto3", _trouble_of_ours(place)
        yield "Lance", _trouble_of_lance(place)
    finally:
        Bucket().delete(place)


def _trouble_of_ours(place: str) -> str | None:
    uri = join(place, "object")
    try:
        if not Bucket().create(uri, b"1"):
            raise UsageError(f"{uri} cannot be made.")
        Bucket().read(uri)
        if Bucket().create(uri, b"2"):
            return (
                "the store overwrites in spite of If-None-Match, so that runs could overwrite each other's commits: "
                "keep the root in a store with conditional writes"
            )
    except Exception as error:
        return str(in_words(error, place))
    return None


def _trouble_of_lance(place: str) -> str | None:
    import lance

    uri = join(place, "table.lance")
    try:
        options = s3.lance_options(place)
        lance.write_dataset(pa.table({"a": [1]}), uri, storage_options=options)
        rows = lance.dataset(uri, storage_options=options).count_rows()
        return None if rows == 1 else f"{rows} rows are read where one was written"
    except WinnowError as error:
        return str(error)
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split())[:300]
        return f"{cause}; Lance is given boto3's credentials, region and endpoint: check AWS_REGION and the endpoint"
