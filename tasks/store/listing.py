"""Listing a bucket: the space of keys is cut at common prefixes, and the parts are listed side by side.

A page gives a thousand keys and takes a tenth of a second, so a million keys one page after the other take minutes.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from tasks.store import s3
from tasks.store.patience import persist
from tasks.store.storage import Entry, key_uri, to_key

THREADS = 16

PARTS = 64
"""Parts at most: enough to keep the threads busy when some parts are larger than others."""

DEPTH = 3
"""Levels of prefixes that are looked at to find where to cut."""

_LAST = "\U0010ffff"
"""Sorts behind every other character."""

_Page = tuple[list[dict[str, Any]], str | None]


def list_objects(uri: str, leave_out: str | None) -> Iterator[Entry]:
    """Every object below an s3 URI, in no order; none below the URI `leave_out`. Raises what botocore raises."""
    bucket, key = to_key(uri)
    prefix = f"{key}/" if key else ""
    outside = _prefix_outside(bucket, leave_out)
    pool = ThreadPoolExecutor(THREADS, "listing")
    try:
        first, rest = _page(bucket, prefix, "", None)
        yield from _entries(bucket, first, outside)
        cuts = [cut for cut in _cuts(pool, bucket, prefix) if cut > rest] if rest else []
        starts, ends = [rest, *cuts], [*cuts, None]
        parts: dict[Future[_Page], str | None] = {}
        for start, end in zip(starts, ends, strict=True):
            if start is not None:
                parts[pool.submit(_page, bucket, prefix, start, end)] = end
        while parts:
            for done in wait(parts, return_when=FIRST_COMPLETED).done:
                end = parts.pop(done)
                found, rest = done.result()
                if rest is not None:
                    beyond = f"{outside}{_LAST}" if outside and rest.startswith(outside) else rest
                    parts[pool.submit(_page, bucket, prefix, beyond, end)] = end
                yield from _entries(bucket, found, outside)
    finally:
        pool.shutdown(cancel_futures=True)


def pages(**asked: Any) -> Iterator[dict[str, Any]]:
    """The answers to one request for a listing, page by page."""
    answer = persist(lambda: s3.client().list_objects_v2(**asked))
    yield answer
    while answer.get("IsTruncated"):
        token = answer["NextContinuationToken"]
        answer = persist(lambda token=token: s3.client().list_objects_v2(**asked, ContinuationToken=token))  # type: ignore[misc]
        yield answer


def entry_of(bucket: str, stated: dict[str, Any]) -> Entry:
    """What S3 states of an object; its version is the ETag."""
    uri = key_uri(bucket, stated["Key"])
    return Entry(uri, stated["ETag"].strip('"'), stated["Size"], stated["LastModified"].timestamp())


def _page(bucket: str, prefix: str, after: str, end: str | None) -> _Page:
    """Objects with keys after one and up to another, and the last key if there are more of them."""
    asked = {"Bucket": bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
    answer = persist(lambda: s3.client().list_objects_v2(**asked))
    found = answer.get("Contents", [])
    within = [one for one in found if end is None or one["Key"] <= end]
    more = answer.get("IsTruncated") and len(within) == len(found)
    return within, within[-1]["Key"] if more and within else None


def _cuts(pool: ThreadPoolExecutor, bucket: str, prefix: str) -> list[str]:
    """Keys at which to cut, in order: prefixes that the first levels have in common."""
    found: set[str] = set()
    level = [prefix]
    for _ in range(DEPTH):
        below = pool.map(lambda one: _common_prefixes(bucket, one), level[:PARTS])
        level = sorted(prefix for prefixes in below for prefix in prefixes)
        found.update(level)
        if not level or len(found) >= PARTS:
            break
    cuts = sorted(found)
    return cuts[:: -(-len(cuts) // PARTS)] if cuts else []


def _common_prefixes(bucket: str, prefix: str) -> list[str]:
    answer = persist(lambda: s3.client().list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/"))
    return [one["Prefix"] for one in answer.get("CommonPrefixes", [])]


def _entries(bucket: str, found: list[dict[str, Any]], outside: str | None) -> Iterator[Entry]:
    for one in found:
        marks_a_folder = one["Key"].endswith("/") and not one["Size"]
        if not marks_a_folder and not (outside and one["Key"].startswith(outside)):
            yield entry_of(bucket, one)


def _prefix_outside(bucket: str, leave_out: str | None) -> str | None:
    if leave_out is None or not leave_out.startswith("s3://") or to_key(leave_out)[0] != bucket:
        return None
    return f"{to_key(leave_out)[1]}/"
