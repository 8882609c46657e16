"""The client of S3: where it gets credentials, region and endpoint from, and what it says when there are none."""

from collections.abc import Iterator

import pytest

from tasks.store import patience
from tasks.store import s3 as connection
from tasks.store.bucket import Bucket
from tasks.store.errors import UsageError
from tests.buckets import KEY, Buckets


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Whatever is set now is what the client of this process is made with."""
    forget()
    monkeypatch.setattr(patience, "_answered_at", None)
    yield monkeypatch
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (connection._client, connection._session, connection.region_of):
        cached.cache_clear()


def test_client__an_address_that_never_answers(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    fresh.setattr(patience, "FIRST_PATIENCE_S", 0.1)
    with pytest.raises(UsageError, match="cannot be reached.*AWS_ENDPOINT_URL"):
        list(Bucket().list("s3://bucket"))


def test_client__without_credentials(s3: Buckets, fresh: pytest.MonkeyPatch) -> None:
    bucket = s3.make()
    s3.put(bucket, "a", b"1", ACL="public-read")
    forget()
    fresh.delenv("AWS_ACCESS_KEY_ID")
    fresh.delenv("AWS_SECRET_ACCESS_KEY")
    assert Bucket().read(f"{bucket}/a") == b"1"
    assert connection.lance_options(bucket)["aws_skip_signature"] == "true"
    s3.faults.refuse = lambda method, path: (403, "AccessDenied")
    with pytest.raises(UsageError, match="no credentials for S3 were found"):
        list(Bucket().list(bucket))


def test_client__a_profile_that_is_not_there(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match="nobody"):
        Bucket().read("s3://bucket/a")


def test_lance_options__fresh_credentials_and_the_region_of_the_bucket(s3: Buckets, fresh: pytest.MonkeyPatch) -> None:
    bucket = s3.make()
    options = connection.lance_options(bucket)
    assert (options["aws_access_key_id"], options["aws_region"]) == (KEY, "eu-central-1")
    assert (options["aws_endpoint"], options["allow_http"]) == (s3.url, "true")

    class Renewed:
        access_key, secret_key, token = "new", "newer", "newest"

    fresh.setattr(connection.credentials(), "get_frozen_credentials", Renewed)
    assert connection.lance_options(bucket)["aws_session_token"] == "newest"
