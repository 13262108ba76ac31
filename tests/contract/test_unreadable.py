"""Objects that are there but cannot be read, with the answers of S3 to HEAD and GET.

moto has archives. It has neither owners' keys (SSE-C) nor policies, so their answers are put in
before a request is sent.
"""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from functions.gallery.errors import StoreDenied, UnreadableOriginal
from functions.gallery.gallery import Gallery
from functions.gallery.originals.aws import client
from functions.gallery.originals.s3 import S3Originals
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.ingest.work import Ingest
from tests.cloud import cloud
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder, FakeStore

KEY = "old/ä 1.jpg"
PICTURE = jpeg(1)
ANSWERS = {  # to HEAD, which has no body, and to GET
    "SSE-C": (400, (400, "InvalidRequest")),
    "KMS": (None, (403, "AccessDenied")),
    "KMS key disabled": (None, (400, "KMS.DisabledException")),
    "denied": (403, (403, "AccessDenied")),
}


class Bucket:
    """A bucket and its gallery; answers can be put in."""

    def __init__(self) -> None:
        self.name = f"pictures-{uuid.uuid4()}"
        self.s3 = client("s3")
        region = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=region)
        originals, embedder = S3Originals.connect(self.name), FakeEmbedder()
        originals.objects.s3.meta.events.register("before-send.s3", self._answer)
        spec = CollectionSpec(embedder.card.id, embedder.card.dims, fields={"price": "float"})
        self.store = FakeStore(spec)
        self.originals = originals
        self.gallery = Gallery(spec, Limits(), embedder, self.store, originals, originals)
        self.denied: tuple[int | None, tuple[int, str]] | None = None
        self.pattern = re.compile("old/")
        self.requests: list[str] = []

    def _answer(self, request: Any, **_: Any) -> AWSResponse | None:
        self.requests.append(request.method)
        if self.denied is None or not self.pattern.search(request.url):
            return None
        to_head, (status, code) = self.denied
        if "list-type" in request.url or request.method not in ("GET", "HEAD"):
            return None
        if request.method == "HEAD":
            body, status = b"", to_head
        else:
            body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
        if status is None:
            return None
        return AWSResponse(request.url, status, {}, MockRawResponse(body))

    def put(self, **options: Any) -> None:
        self.s3.put_object(Bucket=self.name, Key=KEY, Body=PICTURE, **options)

    def deliver(self, kind: str = "Object Created") -> list[str]:
        """Deliver an event; return the outcome, or nothing if it would be delivered again."""
        detail = {"bucket": {"name": self.name}, "object": {"key": KEY}}
        event = {"source": "aws.s3", "detail-type": kind, "detail": detail}
        record = {"messageId": "m", "body": json.dumps(event)}
        report = Ingest(self.gallery, None).run({"Records": [record]}, lambda: 60.0)
        return [] if report.failed else [outcome.value for outcome in report.outcomes.values()]

    def differences(self) -> list[str]:
        return [name for part in self.gallery.differences() for name in part.names]

    def refusals(self) -> list[tuple[str, str]]:
        return [(refusal.name, refusal.code) for refusal in self.gallery.stats().refusals]


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with cloud():
        yield


@pytest.fixture
def bucket(aws) -> Bucket:
    return Bucket()


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_picture_is_recorded_once_and_indexed_when_it_is_restored(
    bucket, storage_class
):
    bucket.put(StorageClass=storage_class, Metadata={"price": "3"})

    outcomes = [bucket.deliver(), bucket.deliver()]
    differences = [bucket.differences(), bucket.differences()]
    refusals = bucket.refusals()
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Standard"}}
    bucket.s3.restore_object(Bucket=bucket.name, Key=KEY, RestoreRequest=request)

    assert outcomes == [["refused"], ["unchanged"]]
    assert differences == [[], []]
    assert refusals == [(KEY, "unreadable-original")]
    assert bucket.deliver("Object Restore Completed") == ["indexed"]
    assert (bucket.refusals(), bucket.store.count()) == ([], 1)


def test_a_restored_picture_whose_event_is_lost_is_found_by_a_comparison(bucket):
    bucket.put(StorageClass="GLACIER")
    bucket.deliver()
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Standard"}}
    bucket.s3.restore_object(Bucket=bucket.name, Key=KEY, RestoreRequest=request)

    assert bucket.differences() == [KEY]


@pytest.mark.parametrize("answers", ANSWERS)
def test_a_picture_that_is_denied_is_recorded_once_and_indexed_when_it_is_allowed(bucket, answers):
    bucket.put(Metadata={"price": "3"})
    bucket.denied = ANSWERS[answers]

    outcomes = [bucket.deliver(), bucket.deliver()]
    differences = [bucket.differences(), bucket.differences()]
    refusals = bucket.gallery.stats().refusals
    bucket.denied = None

    assert outcomes == [["refused"], ["unchanged"]]
    assert differences == [[], []]
    assert [(r.name, r.code) for r in refusals] == [(KEY, "unreadable-original")]
    assert "SSE-C" in refusals[0].detail or "kms:Decrypt" in refusals[0].detail
    assert bucket.differences() == [KEY]
    assert bucket.deliver() == ["indexed"]
    assert bucket.gallery.stats().refused == 0
    (image,) = bucket.store.page((), 2).images
    assert image.metadata == {"price": 3.0}


@pytest.mark.parametrize("answers", ANSWERS)
def test_a_picture_that_was_indexed_before_it_was_denied_stays_with_its_metadata(bucket, answers):
    bucket.put(Metadata={"price": "3"})
    bucket.deliver()
    (before,) = bucket.store.page((), 2).images
    bucket.denied = ANSWERS[answers]

    assert bucket.deliver() == ["unchanged"]
    assert bucket.differences() == []
    assert bucket.store.page((), 2).images == (before,)
    assert bucket.originals.exists(KEY)


def test_the_metadata_of_an_archived_picture_can_be_changed_of_a_hidden_one_not(bucket):
    bucket.put(Metadata={"price": "3"})
    bucket.deliver()
    (image,) = bucket.store.page((), 2).images
    bucket.denied = ANSWERS["SSE-C"]

    with pytest.raises(UnreadableOriginal):
        bucket.gallery.update(image.id, {"price": 4})
    bucket.denied = None
    bucket.s3.put_object(
        Bucket=bucket.name, Key=KEY, Body=PICTURE, Metadata={"price": "3"}, StorageClass="GLACIER"
    )
    assert bucket.gallery.update(image.id, {"price": 4}).metadata == {"price": 4}
    assert bucket.differences() == []


def test_a_denied_object_that_is_deleted_is_removed_from_the_refusals(bucket):
    bucket.put()
    bucket.denied = ANSWERS["SSE-C"]
    bucket.deliver()
    bucket.denied = None
    bucket.s3.delete_object(Bucket=bucket.name, Key=KEY)

    assert bucket.differences() == [KEY]
    assert bucket.deliver() == ["removed"]
    assert bucket.refusals() == []


def test_a_role_that_is_denied_the_whole_bucket_fails_instead_of_refusing_every_picture(bucket):
    bucket.put()
    bucket.denied, bucket.pattern = ANSWERS["denied"], re.compile("")

    assert bucket.deliver() == []
    bucket.denied = None
    assert bucket.refusals() == []


def test_expired_credentials_which_head_answers_like_an_owners_key_fail_too(bucket):
    bucket.put()
    bucket.denied = (400, (400, "ExpiredToken"))

    with pytest.raises(StoreDenied):
        bucket.originals.head(KEY)
    assert bucket.deliver() == []


def test_reading_an_archived_original_says_what_to_do(bucket):
    bucket.put(StorageClass="GLACIER")

    for read in (bucket.originals.read, bucket.originals.fetch, bucket.originals.open):
        with pytest.raises(UnreadableOriginal, match="restore it"):
            read(KEY)
    assert not bucket.originals.can_be_read(KEY)


def test_an_empty_object_can_be_read(bucket):
    bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"")

    assert bucket.originals.can_be_read(KEY)


def test_a_new_picture_takes_two_head_and_four_get_requests_and_a_put_of_its_thumbnail(bucket):
    bucket.put()

    bucket.deliver()

    assert sorted(bucket.requests) == ["GET"] * 4 + ["HEAD"] * 2 + ["PUT"]


def test_a_comparison_checks_a_refused_object_with_four_requests_and_reads_a_metadata_record(
    bucket,
):
    def requests() -> int:
        bucket.requests.clear()
        assert bucket.differences() == []
        return len(bucket.requests)

    bucket.put()
    bucket.deliver()
    before = requests()
    bucket.s3.put_object(Bucket=bucket.name, Key="broken.jpg", Body=b"no picture")
    bucket.gallery.sync("broken.jpg")
    with_a_refused_one = requests()
    bucket.gallery.update(bucket.gallery.list(limit=1).images[0].id, {"shelf": 9})
    with_a_record = requests()

    assert with_a_refused_one - before == 4
    assert with_a_record - with_a_refused_one == 1
