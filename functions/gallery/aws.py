"""Clients of AWS, and what their failures mean for us. The only module with botocore.

boto3 itself, which adds conveniences of which none is used here, is left out: a function starts
faster without it.
"""

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

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    ObjectChanged,
    SettingsError,
    StoreDenied,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
)

_BROKEN_WIRE = (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError)
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_DENIED = {"401", "403", "AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId"}
_DENIED |= {"SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_MOMENTARY = {"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling"}
_MOMENTARY |= {"ThrottlingException", "RequestThrottled", "TooManyRequests", "RequestLimitExceeded"}
SERVICES = ["s3", "secretsmanager", "sqs"]


class _OurServices(Loader):  # type: ignore[misc]
    """Finds descriptions of services without looking into the folders of all 400 of them."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Name those we use."""
        return SERVICES


def client(service: str, *, dotted: bool = False) -> Any:
    """Make a client that gives up after three tries; for one process, safe in threads.

    AWS_ENDPOINT_URL leads it elsewhere. Hosts of elsewhere have no name for every bucket, nor does
    the certificate of S3 fit a bucket with dots in its name: then the bucket stands in the path.
    Else it stands in the host, so that links name the region and are not redirected.
    """
    # `sam local` passes variables that nobody set as empty ones.
    elsewhere = any(map(os.environ.get, ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")))
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=2,
        read_timeout=10,
        max_pool_connections=16,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path" if elsewhere or dotted else "virtual"},
    )
    with translated("The client"):
        return _session().create_client(service, config=config)


def read_secret(name: str) -> str:
    """Give the text of a secret in Secrets Manager."""
    with translated(f"The secret {name}"):
        return str(client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _OurServices())
    return session


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise what AWS or the way there failed with as one of our errors; `what` was asked for."""
    try:
        yield
    except ClientError as problem:
        raise _refusal(what, problem) from problem
    except (ConnectTimeoutError, ReadTimeoutError) as problem:
        raise StoreTimeout(f"{what}: no answer in time") from problem
    except _BROKEN_WIRE as problem:
        raise StoreUnavailable(f"{what}: AWS cannot be reached: {problem}") from problem
    except NoCredentialsError as problem:
        raise StoreDenied(f"{what}: there are no AWS credentials; run aws configure") from problem
    except NoRegionError as problem:
        raise SettingsError("AWS_REGION is not set, and LOOKALIKE_BUCKET needs it") from problem
    except BotoCoreError as problem:
        raise StoreRejected(f"{what}: {problem}") from problem


def _refusal(what: str, problem: ClientError) -> LookalikeError:
    code = str(problem.response.get("Error", {}).get("Code", ""))
    status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _ABSENT:
        return ImageNotFound(f"{what} is not there")
    if code in _CHANGED:
        return ObjectChanged(f"{what} was replaced while it was looked at")
    if code in _DENIED:
        return StoreDenied(
            f"{what}: AWS denies it ({code}); the role needs what infra/README.md lists"
        )
    if code in _MOMENTARY or status >= 500 or status == 429:
        return StoreUnavailable(f"{what}: AWS cannot serve it now ({code})")
    return StoreRejected(f"{what}: {problem}")
