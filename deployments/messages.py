"""What a message of a queue says: which objects are new. As S3, EventBridge, SNS and MinIO write it."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tasks.store.storage import key_uri


@dataclass(frozen=True, order=True)
class Arrived:
    """One object of which a message tells.

    Attributes:
        uri: of the object.
        mark: what tells this arrival from another of the same URI; the same however often the message comes.
    """

    uri: str
    mark: str


@dataclass(frozen=True)
class Told:
    """What one message tells: objects that arrived, and how many events were about something else."""

    arrived: tuple[Arrived, ...] = ()
    ignored: int = 0


class PoisonError(ValueError):
    """A message that is none of those that Winnow understands."""


def read_message(body: str) -> Told:
    """What a message says.

    Objects that were made, or restored from an archive, arrived; deletions, tags, tests and keys that mark a folder are
    ignored.

    Raises:
        PoisonError: it is no JSON, or none that S3, EventBridge, SNS or MinIO writes.
    """
    try:
        return _told(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PoisonError(f"{type(error).__name__}: {error}") from error


def _told(stated: Any) -> Told:
    if stated.get("Type") == "Notification" and "Message" in stated:
        return _told(json.loads(stated["Message"]))
    if stated.get("Event") == "s3:TestEvent":
        return Told(ignored=1)
    if "detail-type" in stated:
        return _of_eventbridge(stated)
    parts = [_of_record(record) for record in stated["Records"]]
    return Told(tuple(one for part in parts for one in part.arrived), sum(part.ignored for part in parts))


def _of_record(record: dict[str, Any]) -> Told:
    """One record, of S3 or of MinIO, whose event names begin with `s3:`; keys are encoded as in forms."""
    name = record["eventName"].removeprefix("s3:")
    if not name.startswith(("ObjectCreated:", "ObjectRestore:Completed")):
        return Told(ignored=1)
    bucket, stated = record["s3"]["bucket"]["name"], record["s3"]["object"]
    key = unquote_plus(stated["key"], errors="replace")
    return _arrived(bucket, key, stated.get("eTag"), stated.get("sequencer") or record.get("eventTime"))


def _of_eventbridge(stated: dict[str, Any]) -> Told:
    """One event of EventBridge; keys stand there as they are."""
    if stated["detail-type"] not in ("Object Created", "Object Restore Completed"):
        return Told(ignored=1)
    bucket, found = stated["detail"]["bucket"]["name"], stated["detail"]["object"]
    return _arrived(bucket, found["key"], found.get("etag"), found.get("sequencer") or stated.get("time"))


def _arrived(bucket: str, key: str, *marks: str | None) -> Told:
    if not bucket or "/" in bucket or not key:
        raise PoisonError(f"it names bucket {bucket!r} and key {key!r}")
    if key.endswith("/"):
        return Told(ignored=1)
    return Told((Arrived(key_uri(bucket, key), " ".join(str(mark) for mark in marks if mark)),))
