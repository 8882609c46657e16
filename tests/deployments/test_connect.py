"""Connecting a bucket: what is made, what is kept, what is refused; against moto's server over HTTP."""

import json
import uuid
from typing import Any

import pytest
from typer.testing import CliRunner

from deployments.connect import Connection
from deployments.queue import Queue
from flows.cli import app
from flows.settings import Settings, load_settings
from tasks.store import s3 as s3_client
from tasks.store.errors import UsageError
from tests.buckets import REGION, Buckets

Made = tuple[str, Settings]


@pytest.fixture
def landing(s3: Buckets) -> Made:
    """A fresh bucket, and settings that name a queue of its own."""
    name = f"w-{uuid.uuid4().hex[:8]}"
    return s3.make("landing"), load_settings(None, {"service.name": name})


def notifications(bucket: str) -> dict[str, Any]:
    found = s3_client.client().get_bucket_notification_configuration(Bucket=bucket.removeprefix("s3://"))
    return {kind: value for kind, value in found.items() if kind != "ResponseMetadata"}


def queues(name: str) -> list[str]:
    return s3_client.client_of("sqs", REGION).list_queues(QueueNamePrefix=name).get("QueueUrls", [])


def connect(landing: Made, prefix: str = "/cam 1", *, queue: str | None = None, dry_run: bool = False) -> Connection:
    return Connection(f"{landing[0]}{prefix}".replace(" ", "%20"), landing[1], queue, dry_run=dry_run)


def test_connect__twice_changes_nothing_and_remove_leaves_the_bucket_as_it_was(s3: Buckets, landing: Made) -> None:
    bucket, settings = landing
    sqs = s3_client.client_of("sqs", REGION)
    theirs = sqs.create_queue(QueueName=f"theirs-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=theirs, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    other = {"Id": "t", "QueueArn": arn, "Events": ["s3:ObjectRemoved:*"], "Filter": {"Key": {"FilterRules": [
        {"Name": "prefix", "Value": "cam 1/"}]}}}  # fmt: skip
    s3_client.client().put_bucket_notification_configuration(
        Bucket=bucket.removeprefix("s3://"), NotificationConfiguration={"QueueConfigurations": [other]}
    )
    before = notifications(bucket)
    name = f"winnow-{settings.service.name}"
    assert len(connect(landing, dry_run=True).make().done) == 3
    assert (notifications(bucket), queues(name)) == (before, [])
    assert len(connect(landing).make().done) == 4
    assert len(notifications(bucket)["QueueConfigurations"]) == 2
    assert connect(landing).make().done == []
    assert connect(landing, dry_run=True).make().done == []
    s3.put(bucket, "cam 1/ü.jpg", b"1")
    s3.put(bucket, "elsewhere/a.jpg", b"1")
    told = [message.body for message in Queue(name, REGION).receive(1)]
    assert len([body for body in told if "Records" in body]) == 1
    assert connect(landing, dry_run=True).remove().done == connect(landing).remove().done != []
    assert (notifications(bucket), queues(name)) == (before, [])
    assert connect(landing).remove().done == []


def test_connect__only_that_bucket_of_that_account_may_send(landing: Made) -> None:
    connection = connect(landing)
    connection.make()
    stated = connection.sqs.get_queue_attributes(QueueUrl=Queue(connection.queue, REGION).url, AttributeNames=["All"])
    (statement,) = json.loads(stated["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{connection.bucket}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    redrive = json.loads(stated["Attributes"]["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith("-dead")
    assert int(redrive["maxReceiveCount"]) == landing[1].service.events.max_receives


def test_connect__mistakes_are_told(s3: Buckets, landing: Made) -> None:
    with pytest.raises(UsageError, match="no bucket"):
        Connection("file:///data", landing[1], None, dry_run=False)
    with pytest.raises(UsageError, match="There is no bucket"):
        Connection("s3://there-is-none-of-that-name/x", landing[1], None, dry_run=False)
    connect(landing).make()
    with pytest.raises(UsageError, match="already of new objects below cam 1/"):
        connect(landing, "", queue=f"{landing[1].service.name}-second").make()
    assert queues(f"{landing[1].service.name}-second") == []
    s3_client.client_of("sqs", REGION).create_queue(QueueName=f"{landing[1].service.name}-theirs")
    with pytest.raises(UsageError, match="did not make"):
        connect(landing, "/else", queue=f"{landing[1].service.name}-theirs").make()
    with pytest.raises(UsageError, match="There is no queue"):
        Queue("there-is-none-of-that-name", REGION)
    s3.faults.refuse = lambda method, path: (403, "AccessDenied") if method == "POST" else None
    with pytest.raises(UsageError, match="credentials|denied"):
        connect(landing).make()


def test_connect__two_prefixes_share_a_queue(landing: Made) -> None:
    connect(landing, "/a").make()
    assert len(connect(landing, "/b").make().done) == 1
    assert connect(landing, "/a").remove().notes
    assert len(notifications(landing[0])["QueueConfigurations"]) == 1
    connect(landing, "/b").remove()
    assert notifications(landing[0]) == {}


def test_connect__as_a_command(landing: Made, tmp_path: Any) -> None:
    command = ["connect", f"{landing[0]}/in", "--set", f"service.name={landing[1].service.name}", "--json"]
    done = CliRunner().invoke(app, [*command, "--dry-run"])
    assert (done.exit_code, len(json.loads(done.stdout)["would_change"])) == (0, 3)
    assert CliRunner().invoke(app, ["connect", "/data/photos"]).exit_code == 2
