"""A queue of SQS that tells of new objects: receive, keep, delete, count. What goes wrong is one plain sentence."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flows.settings import Settings
from tasks.store import s3
from tasks.store.answers import code_of, said, status_of
from tasks.store.errors import UsageError, WinnowError
from tasks.store.storage import in_bucket, to_key
from tasks.store.trouble import credentials_trouble, in_words

AT_ONCE = 10
"""Messages that one request takes or deletes at most."""


@dataclass(frozen=True)
class Message:
    """One message as it was received: its text, how often it was, and when it was sent, in seconds of the epoch."""

    id: str
    receipt: str
    body: str
    receives: int
    sent_at: float


@dataclass(frozen=True)
class Backlog:
    """How many messages wait, are in somebody's hands, and were given up (None where nothing takes such ones)."""

    waiting: int
    in_hand: int
    dead: int | None


class Queue:
    """A queue, by its name or URL. Raises UsageError if it is not there, WinnowError if it cannot be reached."""

    def __init__(self, place: str, region: str | None) -> None:
        self.place = place
        found = re.match(r"https?://sqs\.([a-z0-9-]+)\.", place)
        self._client = s3.client_of("sqs", found[1] if found else region)
        with told_plainly(place):
            self.url = place if "://" in place else self._client.get_queue_url(QueueName=place)["QueueUrl"]

    def receive(self, wait_s: float) -> list[Message]:
        """Some messages, after so many seconds at most; they are nobody else's until they become visible again."""
        with told_plainly(self.place):
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=max(0, min(20, int(wait_s))),
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_message(one) for one in answer.get("Messages", [])]

    def keep(self, messages: Sequence[Message], seconds: int) -> None:
        """Let messages be invisible to others for so many seconds from now."""
        for some in _tens(messages):
            asked = [
                {"Id": str(number), "ReceiptHandle": one.receipt, "VisibilityTimeout": seconds}
                for number, one in enumerate(some)
            ]
            with told_plainly(self.place):
                self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=asked)

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. One that is not deleted comes again, and changes nothing then."""
        for some in _tens(messages):
            asked = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(some)]
            with told_plainly(self.place):
                self._client.delete_message_batch(QueueUrl=self.url, Entries=asked)

    def backlog(self) -> Backlog:
        """What waits there, as far as the queue knows it."""
        stated = self._attributes(self.url)
        dead = json.loads(stated.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
        given_up = None
        if dead:
            with told_plainly(dead):
                url = self._client.get_queue_url(QueueName=dead.rpartition(":")[2])["QueueUrl"]
            given_up = int(self._attributes(url)["ApproximateNumberOfMessages"])
        waiting, in_hand = (stated[f"ApproximateNumberOfMessages{which}"] for which in ("", "NotVisible"))
        return Backlog(int(waiting), int(in_hand), given_up)

    def _attributes(self, url: str) -> dict[str, str]:
        with told_plainly(self.place):
            found: dict[str, str] = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
                "Attributes"
            ]
        return found


def queue_of(settings: Settings) -> Queue:
    """The queue that tells of new objects in the source."""
    return Queue(queue_name(settings), region_of_source(settings))


def queue_name(settings: Settings) -> str:
    """Its name or URL: as it is set, else that which `winnow connect` gives it."""
    return settings.service.events.queue or f"winnow-{settings.service.name}"


def region_of_source(settings: Settings) -> str | None:
    """Where the bucket is: a bucket tells queues of its own region only."""
    in_one = settings.source is not None and in_bucket(settings.source_uri)
    return s3.region_of(to_key(settings.source_uri)[0]) if in_one else None


@contextmanager
def told_plainly(place: str) -> Iterator[None]:
    """Errors of AWS about a queue, or the bucket of an s3 URI, as one plain sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise _in_words(error, place) from error


def _in_words(error: Exception, place: str) -> WinnowError:
    if in_bucket(place):
        return in_words(error, place)
    code = code_of(error)
    if "NonExistentQueue" in code or "QueueDoesNotExist" in code:
        return UsageError(f"There is no queue {place}: `winnow connect s3://BUCKET/PREFIX` makes it.")
    trouble = credentials_trouble(error)
    if trouble or code in ("InvalidClientTokenId", "UnrecognizedClientException"):
        return trouble or UsageError(f"AWS does not take the credentials ({said(error)}): check AWS_PROFILE.")
    if "AccessDenied" in code or status_of(error) == 403:
        return UsageError(
            f"Access to the queue {place} is denied ({said(error)}): ask for sqs:ReceiveMessage, sqs:DeleteMessage, "
            "sqs:ChangeMessageVisibility, sqs:GetQueueUrl and sqs:GetQueueAttributes on it."
        )
    return WinnowError(f"{place} cannot be reached ({said(error)}).")


def _message(stated: dict[str, Any]) -> Message:
    told = stated.get("Attributes", {})
    receives, sent = int(told.get("ApproximateReceiveCount", 1)), int(told.get("SentTimestamp", 0)) / 1000
    return Message(stated["MessageId"], stated["ReceiptHandle"], stated["Body"], receives, sent)


def _tens(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), AT_ONCE):
        yield messages[start : start + AT_ONCE]
