"""The way to S3: one client a process, and the same way for Lance's own client.

Credentials, region and endpoint come from where boto3 looks for them (environment, profile, SSO, role), and go nowhere
but into the clients. Without any, requests are not signed: public buckets can be read.
"""

import functools
import re
import threading
from typing import Any

from tasks.store.errors import UsageError
from tasks.store.patience import PATIENCE_S, persist
from tasks.store.storage import to_key

CONNECTIONS = 64

_AWS = re.compile(r"https://s3[.-]([a-z0-9-]+\.)?amazonaws\.com(\.cn)?")

_STARTING = threading.Lock()


def client() -> Any:
    """The client of this process; its threads share it. Raises UsageError for a profile that is not there."""
    with _STARTING:
        return _client("s3", None)


def client_of(service: str, region: str | None) -> Any:
    """The same for another service of AWS, in a region (None: that of the settings). Raises UsageError."""
    with _STARTING:
        return _client(service, region)


def lance_options(uri: str) -> dict[str, str]:
    """What Lance's own client needs to reach a URI, with credentials that are fresh now."""
    bucket = to_key(uri)[0]
    options = {
        "aws_region": region_of(bucket),
        "connect_timeout": "10s",
        "timeout": "120s",
        "client_retry_timeout": str(int(PATIENCE_S)),
        "client_max_retries": "1000",
        "download_retry_count": "20",
    }
    found = credentials()
    if found is None:
        options["aws_skip_signature"] = "true"
    else:
        frozen = _frozen(found)
        options |= {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
        options |= {"aws_session_token": frozen.token} if frozen.token else {}
    endpoint = address()
    if not _AWS.fullmatch(endpoint):
        virtual = (client().meta.config.s3 or {}).get("addressing_style") == "virtual"
        options["aws_endpoint"] = endpoint.replace("://", f"://{bucket}.", 1) if virtual else endpoint
        options["aws_virtual_hosted_style_request"] = str(virtual).lower()
        options["allow_http"] = str(endpoint.startswith("http://")).lower()
    return options


def credentials() -> Any:
    """What boto3 found, None if nothing."""
    return _session().get_credentials()


def address() -> str:
    """The endpoint."""
    return str(client().meta.endpoint_url)


@functools.cache
def _session() -> Any:
    import boto3

    return boto3.Session()


def _frozen(found: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    from tasks.store.trouble import credentials_trouble

    try:
        return persist(found.get_frozen_credentials)
    except (BotoCoreError, ClientError) as error:
        raise credentials_trouble(error) or error from error


@functools.cache
def _client(service: str, region: str | None) -> Any:
    from botocore import UNSIGNED, exceptions
    from botocore.config import Config

    how = Config(
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        request_checksum_calculation="when_required",  # stores that are no AWS know no other
        response_checksum_validation="when_required",
    )
    try:
        if service == "s3" and credentials() is None:
            how = how.merge(Config(signature_version=UNSIGNED))
        return _session().client(service, region_name=region, config=how)
    except (exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(
            f"{service.upper()} cannot be used as it is set up: {error} Check AWS_PROFILE, AWS_REGION and "
            "AWS_ENDPOINT_URL."
        ) from error


@functools.cache
def region_of(bucket: str) -> str:
    """Where a bucket is: it says so itself, to those too whom it tells nothing else."""
    from botocore.exceptions import ClientError

    try:
        headers = persist(lambda: client().head_bucket(Bucket=bucket))["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
    stated: str = headers.get("x-amz-bucket-region") or client().meta.region_name
    return "us-east-1" if stated == "aws-global" else stated
