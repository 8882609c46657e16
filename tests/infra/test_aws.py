"""The stack on AWS: what arrives reaches the queue, nothing is public, and nobody may do more than needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.buckets import Buckets

TEMPLATE = (Path(__file__).parents[2] / "infra" / "aws.yaml").read_text()


class _Loader(yaml.SafeLoader):
    """Reads `!Sub x` as {"Sub": x}."""


_Loader.add_multi_constructor(
    "!", lambda loader, name, node: {name: node.value if isinstance(node, yaml.ScalarNode) else ...}
)
RESOURCES: dict[str, Any] = yaml.load(TEMPLATE, _Loader)["Resources"]


@pytest.fixture
def stack(s3: Buckets) -> Iterator[Any]:
    """The stack, made by moto; clients by service."""
    import boto3

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=s3.url, region_name="us-east-1")

    formation = client("cloudformation")
    parameters = [{"ParameterKey": "BucketName", "ParameterValue": "winnow-test"}]
    formation.create_stack(
        StackName="winnow", TemplateBody=TEMPLATE, Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
    )
    yield client
    formation.delete_stack(StackName="winnow")


def test_stack__can_be_made(stack: Any) -> None:
    (made,) = stack("cloudformation").describe_stacks(StackName="winnow")["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    outputs = {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]}
    assert (outputs["Source"], outputs["Root"]) == ("s3://winnow-test/incoming", "s3://winnow-test/dataset")

    queue = stack("sqs").get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    dead = stack("sqs").get_queue_attributes(QueueUrl=outputs["DeadLettersUrl"], AttributeNames=["All"])["Attributes"]
    assert dead["QueueArn"] in queue["RedrivePolicy"]
    assert stack("s3").get_bucket_encryption(Bucket="winnow-test")["ServerSideEncryptionConfiguration"]["Rules"]


def test_rights__name_their_actions_and_places() -> None:
    policies = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::IAM::ManagedPolicy"]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    assert len(statements) == 7
    for statement in statements:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*"


def test_queue__takes_messages_of_this_bucket_only_and_nothing_goes_unencrypted() -> None:
    allow, deny = RESOURCES["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allow["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allow["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Sub": "arn:${AWS::Partition}:s3:::${BucketName}"}
    refused = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    for statement in (deny, refused):
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket__is_closed_tells_the_queue_and_outlives_the_stack() -> None:
    bucket = RESOURCES["Bucket"]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert told["Event"] == "s3:ObjectCreated:*"
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert bucket["DependsOn"] == "QueuePolicy"
