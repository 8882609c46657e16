"""Errors that concern the credentials or a whole place, each as one plain sentence."""

from tasks.store import s3
from tasks.store.answers import code_of, is_passing, said, status_of
from tasks.store.errors import UsageError, WinnowError
from tasks.store.storage import to_key

_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN_CODES = {"InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "AuthFailure", "InvalidSecurity"}
_REGION_CODES = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


def credentials_trouble(error: Exception) -> UsageError | None:
    """The sentence about an error that lies with the credentials and not with what was asked for."""
    from botocore import exceptions

    if code_of(error) in _EXPIRED_CODES:
        return UsageError(
            "The credentials for S3 have expired: renew them (`aws sso login`, or a new token) and run it again; "
            "nothing is lost."
        )
    if code_of(error) in _UNKNOWN_CODES:
        return UsageError(
            f"S3 does not take the credentials ({code_of(error)}): check AWS_PROFILE, or AWS_ACCESS_KEY_ID and its "
            "secret."
        )
    if isinstance(error, exceptions.ParamValidationError):
        return None
    if isinstance(error, exceptions.BotoCoreError) and not is_passing(error):
        return UsageError(f"S3 cannot be used as it is set up: {error} Check AWS_PROFILE and what it names.")
    return None


def in_words(error: Exception, uri: str) -> WinnowError:
    """One plain sentence about an error that concerns a whole place and not one object in it."""
    bucket = to_key(uri)[0]
    trouble = credentials_trouble(error)
    if isinstance(error, WinnowError) or trouble:
        return trouble or error  # type: ignore[return-value]
    if code_of(error) == "NoSuchBucket" or status_of(error) == 404:
        return UsageError(f"There is no bucket {bucket} at {s3.address()}: name one that exists, Winnow makes none.")
    if code_of(error) in _REGION_CODES:
        return UsageError(f"The bucket {bucket} is in another region: set AWS_REGION to it ({said(error)}).")
    if status_of(error) == 403 and not s3.credentials():
        return UsageError(
            f"{uri} is not public, and no credentials for S3 were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its "
            "secret."
        )
    if status_of(error) == 403:
        return UsageError(
            f"Access to {uri} is denied ({said(error)}): ask for s3:ListBucket on the bucket, s3:GetObject on what is "
            "in it, and for a root s3:PutObject and s3:DeleteObject."
        )
    if status_of(error) in (0, 400, 409) and not is_passing(error):
        return UsageError(f"{uri} cannot be used ({said(error)}).")
    return WinnowError(f"{uri} cannot be reached ({said(error)}); run the same command again to go on.")
