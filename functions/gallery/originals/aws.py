"""Clients of AWS, and our errors for their failures. The only module that imports botocore.

Without boto3, which adds only conveniences, a function starts faster.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from botocore.loaders import Loader
from botocore.session import Session

from functions.gallery.deadline import seconds_left
from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    ObjectChanged,
    SettingsError,
    StoreDenied,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
    UnreadableOriginal,
)

log = logging.getLogger(__name__)

_CONNECTION_ERRORS = (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError)
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_DENIED = {"401", "403", "AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId"}
ARCHIVED = "is archived; restore it"
_DENIED |= {"SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_UNAVAILABLE = {"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling"}
_UNAVAILABLE |= {
    "ThrottlingException",
    "RequestThrottled",
    "TooManyRequests",
    "RequestLimitExceeded",
}


class _OurServices(Loader):  # type: ignore[misc]
    """Loads service descriptions without searching the folders of all 400 services."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services used here."""
        return ["s3", "secretsmanager", "sqs"]


def client(service: str, *, dotted: bool = False, wait_s: float = 5.0) -> Any:
    """Create a client that gives up after three tries; it is safe to share between threads.

    Each waits `wait_s` for a response, and none starts late in a call, so that a hanging service
    does not outlast it.

    The bucket is in the host name, so that links name the region and are not redirected. It is in
    the path for a `dotted` name, which S3's certificate does not cover, and when AWS_ENDPOINT_URL
    points to another server, which has no host name for every bucket.
    """
    # `sam local` passes unset variables as empty ones.
    elsewhere = any(map(os.environ.get, ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")))
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=min(2.0, wait_s),
        read_timeout=wait_s,
        max_pool_connections=16,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path" if elsewhere or dotted else "virtual"},
    )

    def check_time(**_: object) -> None:
        if seconds_left() < wait_s / 2:  # what is sent now can end, with a pause, after 7 s
            raise StoreTimeout("There is no time left in this call to ask AWS; try again")

    with map_errors("The client"):
        made = _session().create_client(service, config=config)
    made.meta.events.register("before-send", check_time)
    return made


def read_secret(name: str) -> str:
    """Return the text of a secret in Secrets Manager, within the time of a start."""
    wait_s = max(0.1, min(5.0, seconds_left() / 4))  # three tries and the pauses between them
    secrets = client("secretsmanager", wait_s=wait_s)
    with map_errors(f"The secret {name}"):
        return str(secrets.get_secret_value(SecretId=name)["SecretString"])


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _OurServices())
    return session


@contextmanager
def map_errors(what: str, *, of_original: bool = False) -> Iterator[None]:
    """Raise a failure of AWS, or on the way there, as one of our errors about `what`.

    While an original is read, what is denied is that original alone: UnreadableOriginal.
    """
    try:
        yield
    except ClientError as error:
        if of_original and (reason := _why_unreadable(error)):
            raise UnreadableOriginal(f"{what} {reason}") from error
        raise _response_error(what, error) from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise StoreTimeout(f"{what}: AWS did not answer in time; try again") from error
    except _CONNECTION_ERRORS as error:
        log.warning("%s: %s", what, error)
        raise StoreUnavailable(f"{what}: AWS cannot be reached; try again") from error
    except NoCredentialsError as error:
        raise StoreDenied(f"{what}: there are no AWS credentials; run aws configure") from error
    except NoRegionError as error:
        raise SettingsError("AWS_REGION is not set, and LOOKALIKE_BUCKET needs it") from error
    except BotoCoreError as error:
        raise _rejected(what, error) from error


def _why_unreadable(error: ClientError) -> str | None:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "InvalidObjectState":
        return ARCHIVED
    if code == "InvalidRequest":  # a GET without parameters is invalid for no other reason
        return "is encrypted with a key of its owner (SSE-C); replace it by a copy without one"
    if code == "AccessDenied" or (code.startswith("KMS.") and "Throttl" not in code):
        return (
            f"cannot be read: AWS denied access ({code}); the role needs s3:GetObject on it, and "
            "kms:Decrypt with its key if it is encrypted with one"
        )
    return None


def _response_error(what: str, error: ClientError) -> LookalikeError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _MISSING:
        return ImageNotFound(f"{what} does not exist")
    if code in _CHANGED:
        return ObjectChanged(f"{what} was replaced while it was read; try again")
    if code in _DENIED:
        return StoreDenied(
            f"{what}: AWS denied access ({code}); the role needs the rights in infra/README.md"
        )
    is_busy = code in _UNAVAILABLE or "Throttl" in code  # KMS.ThrottlingException, for one
    if is_busy or status >= 500 or status == 429:
        return StoreUnavailable(f"{what}: AWS is unavailable ({code}); try again")
    return _rejected(what, error, f" ({code})")


def _rejected(what: str, error: Exception, code: str = "") -> StoreRejected:
    log.warning("%s: %s", what, error)
    return StoreRejected(f"{what}: AWS rejected the request{code}; the log has its reason")
