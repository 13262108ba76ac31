"""The lease that lets one comparison run at a time, in a bucket."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from functions.gallery.originals import lease as leasing
from functions.gallery.originals.aws import client
from functions.gallery.originals.lease import BucketLease
from functions.ingest.work import Ingest
from tests.cloud import cloud
from tests.drawing import jpeg
from tests.unit.test_events import FakeQueue, enough_time, put, sqs_batch

COMPARE = {"lookalike": "reconcile"}


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with cloud():
        yield


@pytest.fixture
def lease(aws) -> BucketLease:
    name = f"pictures-{uuid.uuid4()}"
    region = {"LocationConstraint": "eu-west-1"}
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=region)
    return BucketLease(name)


def test_one_comparison_at_a_time_has_the_lease(lease):
    taken = [lease.take("a", 0), lease.take("b", 0), lease.take("a", 1)]
    lease.release("b")
    still = lease.take("b", 0)
    lease.release("a")

    assert (taken, still) == ([True, False, True], False)
    assert lease.take("b", 0)


def test_a_part_that_is_delivered_twice_runs_once(lease):
    assert [lease.take("a", part) for part in (0, 0, 1, 2, 2, 1)] == [True, False] + [
        *(True, True, False, False)
    ]
    lease.release("a")
    assert not lease.take("a", 2)  # after the end


def test_a_part_that_failed_runs_again_unless_the_next_one_has_begun(lease, monkeypatch):
    monkeypatch.setattr(leasing, "A_CALL", timedelta(0))

    assert [lease.take("a", part) for part in (0, 0, 1, 2, 2)] == [True] * 5
    assert not lease.take("a", 1)


def test_a_comparison_that_ended_without_a_word_is_taken_over(lease, monkeypatch):
    lease.take("a", 0)
    lease.take("a", 4)
    monkeypatch.setattr(leasing, "KEPT", timedelta(0))

    assert lease.take("b", 0)
    assert not lease.take("a", 5)


def test_of_two_that_start_at_the_same_moment_one_has_it(lease, monkeypatch):
    get = lease.objects.s3.get_object

    def both_find_none(**request):
        monkeypatch.setattr(lease.objects.s3, "get_object", get)
        lease.take("b", 0)
        raise lease.objects.s3.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    monkeypatch.setattr(lease.objects.s3, "get_object", both_find_none)

    assert not lease.take("a", 0)
    assert lease.take("b", 1)


def test_a_second_comparison_ends_at_once_and_the_first_goes_on(rig, lease, monkeypatch):
    monkeypatch.setattr("functions.gallery.sync.reconcile.CHUNK", 4)
    for number in range(10):
        put(rig, f"{number}.jpg", jpeg(number))
    queue = FakeQueue()
    ingest = Ingest(rig.gallery, queue, lease)

    ingest.run(COMPARE, lambda: 10.0)  # too little time for a second part
    first = queue.sent.pop()
    found = len(queue.sent)
    second = ingest.run(sqs_batch(COMPARE), enough_time)
    after_second = len(queue.sent)
    ingest.run(sqs_batch(first, first), enough_time)

    assert (second.failed, second.compared, after_second) == ([], None, found)
    names = [name for message in queue.sent for name in message["names"]]
    assert sorted(names) == sorted(rig.originals.originals)  # each once
    assert lease.take("another", 0)


def test_a_comparison_that_fails_at_its_start_lets_the_next_one_run(rig, lease, monkeypatch):
    put(rig, "1.jpg", jpeg(1))
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "get", None)
        failed = Ingest(rig.gallery, FakeQueue(), lease).run(sqs_batch(COMPARE), enough_time)

    again = Ingest(rig.gallery, FakeQueue(), lease).run(sqs_batch(COMPARE), enough_time)

    assert (len(failed.failed), again.failed, again.compared.different) == (1, [], 1)
