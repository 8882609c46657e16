"""Messages in the shapes that S3, EventBridge, SNS and MinIO write, and what is none."""

import contextlib
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.messages import PoisonError, Told, read_message
from tasks.store.storage import key_uri

KEYS = ["plain.jpg", "cam 1/a+b & c.jpg", "ü/漢字 100%.jpg", "new\nline.jpg", "q?x=1#f.jpg", "a%2Bb.jpg", "'\"<b>.jpg"]


def record(key: str, name: str = "ObjectCreated:Put", **about: Any) -> dict[str, Any]:
    """As S3 writes it, see "Event message structure" in its user guide."""
    encoded = quote_plus(key, safe="/")
    stated = {
        "key": encoded,
        "size": 5,
        "eTag": "d41d",
        "versionId": "096f",
        "sequencer": "0055AED6",
        **about,
    }
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-05-01T00:00:00.000Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "landing"},
            "object": stated,
        },
    }


def of_s3(key: str) -> dict[str, Any]:
    return {"Records": [record(key)]}


def of_eventbridge(key: str) -> dict[str, Any]:
    found = {"key": key, "size": 5, "etag": "d41d", "version-id": "096f", "sequencer": "0055AED6"}
    detail = {"version": "0", "bucket": {"name": "landing"}, "object": found, "reason": "PutObject"}
    return {"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": detail}


def of_minio(key: str) -> dict[str, Any]:
    one = record(key, "s3:ObjectCreated:CompleteMultipartUpload")
    one["s3"]["object"]["key"] = quote(key, safe="")
    return {"EventName": "s3:ObjectCreated:CompleteMultipartUpload", "Key": f"landing/{key}", "Records": [one]}


def of_sns(key: str) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(of_s3(key))}


@pytest.mark.parametrize("shape", [of_s3, of_eventbridge, of_minio, of_sns])
@pytest.mark.parametrize("key", KEYS)
def test_read_message__gives_the_uri_of_a_listing(shape: Any, key: str) -> None:
    told = read_message(json.dumps(shape(key)))
    assert ([one.uri for one in told.arrived], told.ignored) == ([key_uri("landing", key)], 0)


def test_read_message__counts_what_is_no_arrival() -> None:
    assert read_message('{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}') == Told(ignored=1)
    records = [
        record("a.jpg"), record("a.jpg"), record("a.jpg", "ObjectRemoved:Delete"), record("folder/"),
        record("b.jpg", "s3:ObjectRemoved:Delete"), record("c.jpg", "ObjectRestore:Completed"),
    ]  # fmt: skip
    told = read_message(json.dumps({"Records": records}))
    assert [one.uri for one in told.arrived] == ["s3://landing/a.jpg"] * 2 + ["s3://landing/c.jpg"]
    assert told.arrived[0] == told.arrived[1]
    assert told.ignored == 3
    assert read_message('{"detail-type": "Object Deleted", "detail": {}}') == Told(ignored=1)


def test_read_message__an_object_that_was_written_again_arrives_again() -> None:
    first, again = (read_message(json.dumps({"Records": [record("a.jpg", sequencer=at)]})) for at in ("01", "02"))
    assert first.arrived[0].uri == again.arrived[0].uri
    assert first.arrived[0].mark != again.arrived[0].mark


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "7", '"x"', "null", "{}", '{"Records": 3}', '{"Records": [{}]}', '{"Records": [null]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {}, "object": {}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": ""}, "object": {"key": "a"}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}]}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_read_message__what_nobody_understands_is_poison(body: str) -> None:
    with pytest.raises(PoisonError):
        read_message(body)


json_of_any_kind = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["Records", "s3", "eventName", "detail"]), inner),
)


@settings(deadline=None)
@given(json_of_any_kind)
def test_read_message__never_breaks_in_another_way(stated: Any) -> None:
    with contextlib.suppress(PoisonError):
        assert isinstance(read_message(json.dumps(stated)), Told)
