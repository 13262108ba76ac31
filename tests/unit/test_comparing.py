"""What a comparison of bucket and index asks the bucket for, in calls counted."""

import json
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.gallery.errors import StoreDenied
from functions.gallery.names import image_id
from functions.gallery.records import CollectionSpec, Listed, Page, Refusal, StoredImage
from functions.gallery.sync.reconcile import Progress, Reconciler
from functions.gallery.sync.sums import IdSums
from functions.ingest.events import Reconcile, messages_in, reconcile_message
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

pytestmark = pytest.mark.slow

KEYS = 50_000
LAST_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
MODEL = FakeEmbedder.card.id
SQS_BYTES = 256 * 1024


class CountingBucket(FakeOriginals):
    """A bucket of listed keys without bytes, which counts the questions about single ones."""

    def __init__(self, keys: int = KEYS) -> None:
        super().__init__()
        self.listed = {f"{n:06}.jpg": LAST_YEAR for n in range(keys)}
        self.calls: Counter[str] = Counter()
        self.denied: set[str] = set()
        self.when_listed: dict[str, Callable[[], None]] = {}  # what somebody does then

    def names(self, after: str | None = None) -> Any:
        for name in sorted(self.listed):
            if after is None or name > after:
                yield Listed(name, "e", 3, self.listed[name])
                self.when_listed.pop(name, lambda: None)()

    def exists(self, name: str) -> bool:
        self.calls["HEAD"] += 1
        if name in self.denied:
            raise StoreDenied("denied")
        return name in self.listed

    def head(self, name: str) -> Any:
        self.calls["HEAD"] += 1
        raise StoreDenied("denied")

    def refusal(self, name: str) -> Refusal | None:
        self.calls["GET"] += 1
        return super().refusal(name)


class Index(FakeStore):
    """Points without vectors, in an order that is computed once."""

    def __init__(self) -> None:
        super().__init__(CollectionSpec(MODEL, FakeEmbedder.card.dims))

    def add(self, name: str, added_at: datetime = LAST_YEAR) -> None:
        id = image_id("local", name)
        self._images[id] = StoredImage(id, name, "e", "ab" * 32, 4, 3, "JPEG", 3, added_at, MODEL)

    def page(self, where: Any, limit: int, after: Any = None, order: Any = None) -> Page:
        if after is None:
            self._order = sorted(self._images)
        at = bisect_left(self._order, after or "")
        ids = self._order[at : at + limit + 1]
        images = tuple(self._images[id] for id in ids[:limit] if id in self._images)
        return Page(images, ids[limit] if len(ids) > limit else None)


def index_of(bucket: CountingBucket) -> Index:
    index = Index()
    for name in bucket.listed:
        index.add(name)
    return index


def compare(index: Index, bucket: CountingBucket) -> tuple[list[str], Progress]:
    """Compare, each part of 10,000 in a call of its own; return the differences and the end."""
    differences: list[str] = []
    progress = Progress()
    while True:
        parts = 0
        for part in Reconciler(index, bucket, MODEL).compare(progress):
            differences += part.names
            progress, parts = part.progress, parts + 1
            if parts == 50:
                break
        if parts == 0:
            return differences, progress
        message = json.dumps(reconcile_message(Reconcile(progress)))
        assert len(message) < SQS_BYTES
        ((wanted,),) = [each.wanted for each in messages_in(json.loads(message))]
        progress = wanted.progress


@pytest.fixture(scope="module")
def full() -> tuple[CountingBucket, Index]:
    """A bucket, and an index that has all of it; each test puts them right again."""
    bucket = CountingBucket()
    return bucket, index_of(bucket)


@pytest.fixture
def compared(full):
    bucket, index = full
    listed, images = dict(bucket.listed), dict(index._images)
    yield bucket, index
    bucket.listed, index._images = listed, images
    bucket.calls.clear()
    bucket.when_listed.clear()
    bucket.denied.clear()
    bucket.refused.clear()


def test_a_picture_added_while_50000_are_compared_asks_the_bucket_for_none_of_them(compared):
    bucket, index = compared

    def add() -> None:
        bucket.listed["000000-new.jpg"] = datetime.now(UTC)  # before what is listed now
        index.add("000000-new.jpg", datetime.now(UTC))

    bucket.when_listed["040000.jpg"] = add

    differences, progress = compare(index, bucket)

    assert (differences, bucket.calls) == ([], {})
    assert (progress.compared, progress.stage) == (KEYS, "objects")


def test_a_picture_removed_while_50000_are_compared_asks_for_the_ids_next_to_it(compared):
    bucket, index = compared

    def remove() -> None:
        del bucket.listed["000007.jpg"]
        index.remove([image_id("local", "000007.jpg")])

    bucket.when_listed["040000.jpg"] = remove

    differences, _ = compare(index, bucket)

    assert differences == []
    assert 0 < bucket.calls["HEAD"] < 1_000  # of one of 128 ranges


def test_orphans_are_found_among_50000_next_to_additions_and_objects_that_are_denied(compared):
    bucket, index = compared
    orphans = [f"{n:06}.jpg" for n in range(0, KEYS, 15_000)]
    for name in orphans:
        del bucket.listed[name]
    bucket.denied = {f"{n:06}.jpg" for n in range(1, KEYS, 3)}

    def add() -> None:
        bucket.listed["000000-new.jpg"] = datetime.now(UTC)
        index.add("000000-new.jpg", datetime.now(UTC))

    bucket.when_listed["040000.jpg"] = add

    differences, _ = compare(index, bucket)

    assert sorted(differences) == orphans
    assert bucket.calls["HEAD"] < 3_000


def test_an_orphan_with_a_date_in_the_future_is_found(compared):
    bucket, index = compared
    index.add("gone.jpg", datetime.now(UTC) + timedelta(days=400))

    assert compare(index, bucket)[0] == ["gone.jpg"]


def test_a_first_comparison_asks_only_for_the_refusals_that_are_there():
    bucket = CountingBucket()
    bucket.refuse(Refusal("000010.jpg", "e", "unsupported-format", "no picture", LAST_YEAR))

    differences, _ = compare(Index(), bucket)

    assert len(differences) == KEYS - 1  # 50,000 requests less: one for each new object
    assert bucket.calls == {"GET": 1, "HEAD": 1}


def test_an_index_of_an_earlier_version_in_the_middle_of_a_comparison_is_compared_on():
    bucket = CountingBucket(keys=30)
    index = index_of(bucket)
    index.add("gone.jpg")
    old = Progress(stage="points", after=None, compared=30, indexed=30)

    parts = list(Reconciler(index, bucket, MODEL).compare(old))

    assert [name for part in parts for name in part.names] == ["gone.jpg"]
    assert bucket.calls["HEAD"] == 31


@pytest.mark.parametrize("points", [0, 1, 200, 50_000, 10_000_000_000])
def test_sums_differ_only_in_the_ranges_whose_ids_differ(points):
    ids = sorted(str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(2_000))
    sums = IdSums.empty(points)
    sums.add(ids)
    again = IdSums.read(sums.write()).like()
    again.add(reversed(ids[1:]))

    assert [sums.range_of(id) for id in ids] == sorted(sums.range_of(id) for id in ids)
    assert again.differing(sums) == {sums.range_of(ids[0])}
    again.add(ids[:1])
    assert again.differing(sums) == set()
    assert len(sums.write()) < 50_000
