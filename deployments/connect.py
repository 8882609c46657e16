"""Connect a bucket: a queue, its dead letters, a policy and a notification, so that the bucket tells of new objects.

What the bucket does besides stays as it is. Everything is looked at before anything is changed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deployments.queue import queue_name, told_plainly
from flows.settings import Settings
from tasks.store import s3
from tasks.store.errors import UsageError
from tasks.store.storage import in_bucket, key_uri, shown, to_key

KEPT_S = 14 * 24 * 3600
"""Seconds for which a message waits for a listener: as long as SQS allows."""

CREATED = "s3:ObjectCreated:*"
RESTORED = "s3:ObjectRestore:Completed"

_TAG = {"made-by": "winnow"}
"""Queues without it are somebody else's."""

_KINDS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations", "EventBridgeConfiguration")


@dataclass
class Change:
    """What was changed, or would be, in words; and what is worth knowing."""

    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Connection:
    """A bucket's prefix and the queue that it is connected to. Raises UsageError, WinnowError."""

    def __init__(self, source: str, settings: Settings, queue: str | None, *, dry_run: bool) -> None:
        self.source, self.settings, self.dry_run = source, settings, dry_run
        if not in_bucket(source):
            raise UsageError(f"{shown(source)} is no bucket: name s3://BUCKET/PREFIX. Folders need no connection.")
        self.bucket, key = to_key(source)
        self.prefix = f"{key}/" if key else ""
        self.queue = queue or queue_name(settings)
        if "/" in self.queue or len(self.queue) > 75:
            raise UsageError(f"The queue {self.queue} is to be named by at most 75 letters, digits, - and _.")
        with told_plainly(source):
            s3.client().head_bucket(Bucket=self.bucket)
        self.sqs = s3.client_of("sqs", s3.region_of(self.bucket))
        self.change = Change()

    @property
    def id(self) -> str:
        """What the notification is called in the bucket."""
        return f"winnow-{self.queue}-{self.prefix}"[:255]

    def make(self) -> Change:
        """Make what is not there yet."""
        stated = self._notifications()
        self._refuse_overlap(stated)
        dead = self._queue(f"{self.queue}-dead", {"MessageRetentionPeriod": str(KEPT_S)})
        events = self.settings.service.events
        redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": events.max_receives}
        told = {
            "MessageRetentionPeriod": str(KEPT_S),
            "VisibilityTimeout": str(events.visibility_s),
            "ReceiveMessageWaitTimeSeconds": "20",
            "RedrivePolicy": json.dumps(redrive),
        }
        arn = self._queue(self.queue, told)
        if not self.dry_run or self._url(self.queue):
            self._queue(self.queue, {"Policy": json.dumps(_policy(arn, self.bucket))})
        rule = {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": self.prefix}]}}} if self.prefix else {}
        mine = {"Id": self.id, "QueueArn": arn, "Events": [CREATED, RESTORED], **rule}
        before = stated.get("QueueConfigurations", [])
        if not any(_same(one, mine) for one in before):
            others = [one for one in before if one.get("Id") != self.id]
            self._put(stated | {"QueueConfigurations": [*others, mine]}, f"tells {self.queue} of new objects")
        if f"{self.settings.root_uri}/".startswith(key_uri(self.bucket, self.prefix)):
            self.change.notes.append("The root lies below the prefix: what Winnow writes there makes messages too.")
        return self.change

    def remove(self) -> Change:
        """Remove what `make` made; messages that still wait go with the queue."""
        stated = self._notifications()
        before = stated.get("QueueConfigurations", [])
        others = [one for one in before if one.get("Id") != self.id]
        if len(others) < len(before):
            self._put(stated | {"QueueConfigurations": others}, f"tells {self.queue} no more")
        if any(one["QueueArn"].rpartition(":")[2] == self.queue for one in others):
            self.change.notes.append(f"The queue {self.queue} stays: other prefixes of the bucket use it.")
            return self.change
        for name in (self.queue, f"{self.queue}-dead"):
            url = self._url(name)
            if url and self._is_ours(url):
                self._do(f"queue {name}: deleted", self.sqs.delete_queue, QueueUrl=url)
        return self.change

    def _notifications(self) -> dict[str, Any]:
        with told_plainly(self.source):
            stated = s3.client().get_bucket_notification_configuration(Bucket=self.bucket)
        return {kind: stated[kind] for kind in _KINDS if kind in stated}

    def _refuse_overlap(self, stated: dict[str, Any]) -> None:
        """S3 takes no two notifications of the same kind of event for the same object."""
        for kind in _KINDS[:3]:
            for one in stated.get(kind, []):
                ours = one.get("Id") == self.id
                about = any(event.startswith(("s3:ObjectCreated", "s3:ObjectRestore")) for event in one["Events"])
                prefix = _rule(one, "prefix")
                if not ours and about and (prefix.startswith(self.prefix) or self.prefix.startswith(prefix)):
                    target = next(value for name, value in one.items() if name.endswith("Arn"))
                    raise UsageError(
                        f"The bucket {self.bucket} tells {target} already of new objects below {prefix or 'all of it'} "
                        f"(notification {one.get('Id')}), and S3 tells only one: let that one send to an SNS topic or "
                        "EventBridge which sends to a queue of yours, and name it as service.events.queue."
                    )

    def _queue(self, name: str, attributes: dict[str, str]) -> str:
        """Make a queue, or mend its attributes; its ARN."""
        url = self._url(name)
        if url is None:
            self._do(f"queue {name}: made", self.sqs.create_queue, QueueName=name, Attributes=attributes, tags=_TAG)
            url = self._url(name)
            return self._attributes(url)["QueueArn"] if url else f"arn:aws:sqs:::{name}"
        if not self._is_ours(url):
            raise UsageError(
                f"There is a queue {name} that Winnow did not make, and leaves alone: name another one with --queue."
            )
        stated = self._attributes(url)
        changed = {key: value for key, value in attributes.items() if not _equal(stated.get(key), value)}
        if changed:
            told = f"queue {name}: {', '.join(changed)} set"
            self._do(told, self.sqs.set_queue_attributes, QueueUrl=url, Attributes=changed)
        return stated["QueueArn"]

    def _url(self, name: str) -> str | None:
        from botocore.exceptions import ClientError

        with told_plainly(name):
            try:
                return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])
            except ClientError as error:
                if "QueueDoesNotExist" in str(error) or "NonExistentQueue" in str(error):
                    return None
                raise

    def _attributes(self, url: str) -> dict[str, str]:
        with told_plainly(url):
            found: dict[str, str] = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found

    def _is_ours(self, url: str) -> bool:
        with told_plainly(url):
            return bool(_TAG.items() <= self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).items())

    def _put(self, notifications: dict[str, Any], told: str) -> None:
        """Write the notifications; AWS takes a minute to believe that a new queue may be sent to."""
        from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_fixed

        kept = {kind: value for kind, value in notifications.items() if value or kind == "EventBridgeConfiguration"}
        retrying = Retrying(
            retry=retry_if_exception_message(match=".*Unable to validate"),
            stop=stop_after_delay(90),
            wait=wait_fixed(5),
            reraise=True,
        )
        what = f"bucket {self.bucket}: {told}" + (f" below {self.prefix}" if self.prefix else "")
        write = retrying.wraps(s3.client().put_bucket_notification_configuration)
        self._do(what, write, Bucket=self.bucket, NotificationConfiguration=kept)

    def _do(self, told: str, work: Callable[..., Any], **asked: Any) -> None:
        """Change something, unless nothing shall be changed."""
        self.change.done.append(told)
        if not self.dry_run:
            with told_plainly(self.source):
                work(**asked)


def _policy(queue: str, bucket: str) -> dict[str, Any]:
    """Only that bucket of that account may send."""
    _, partition, _, _, account, _ = queue.split(":")
    statement = {
        "Sid": "winnow",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:{partition}:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _same(stated: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a notification says the same; S3 gives rules back with names of its own."""
    return _rule(stated, "prefix") == _rule(wanted, "prefix") and all(
        sorted(stated[name]) == sorted(wanted[name]) for name in ("Id", "QueueArn", "Events")
    )


def _rule(notification: dict[str, Any], name: str) -> str:
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return next((rule["Value"] for rule in rules if rule["Name"].lower() == name), "")


def _equal(stated: str | None, wanted: str) -> bool:
    """Whether an attribute is so already; policies are compared by what they say."""
    if stated is None or not wanted.startswith("{"):
        return stated == wanted
    return bool(json.loads(stated) == json.loads(wanted))
