"""Lets one comparison of bucket and index run at a time: a small object in the bucket.

    .lookalike/comparison.json    which comparison runs, its last part and when that began

Depends on aws.py.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cached_property

from functions.gallery.errors import ImageNotFound, ObjectChanged
from functions.gallery.names import RESERVED
from functions.gallery.originals.aws import client
from functions.gallery.originals.s3_objects import S3Objects

_KEY = f"{RESERVED}comparison.json"
# A comparison that ended without a word holds others up for so long; the parts of one that runs
# begin closer together, unless the queue is longer than that.
KEPT = timedelta(hours=6)
# A part that failed is delivered again later than that; what comes earlier was delivered twice.
A_CALL = timedelta(seconds=120)  # the timeout of the function in template.yaml


class BucketLease:
    """The port `Lease`, kept with conditional writes."""

    def __init__(self, bucket: str) -> None:
        """Use this bucket with the credentials of the environment; nothing is sent yet."""
        self._bucket = bucket

    @cached_property
    def objects(self) -> S3Objects:
        """The objects of the bucket; few calls of the function need this client."""
        return S3Objects(self._bucket, client("s3", dotted="." in self._bucket))

    def take(self, holder: str, part: int) -> bool:
        now = datetime.now(UTC)
        try:
            response, data = self.objects.get(_KEY)
            condition = {"IfMatch": str(response["ETag"])}
            if not _admits(json.loads(data), holder, part, now):
                return False
        except ImageNotFound:
            condition = {"IfNoneMatch": "*"}
            if part > 0:
                return False
        lease = {"holder": holder, "part": part, "at": now.isoformat()}
        try:
            self.objects.put(_KEY, json.dumps(lease).encode(), "application/json", {}, **condition)
        except ObjectChanged:  # somebody was faster
            return False
        return True

    def release(self, holder: str) -> None:
        try:
            response, data = self.objects.get(_KEY)
            if json.loads(data)["holder"] == holder:
                self.objects.remove(_KEY, IfMatch=str(response["ETag"]))
        except (ImageNotFound, ObjectChanged):
            return


def _admits(lease: dict[str, str], holder: str, part: int, now: datetime) -> bool:
    age, last = now - datetime.fromisoformat(lease["at"]), int(lease["part"])
    if lease["holder"] == holder:
        return part > last or (part == last and age > A_CALL)
    return part == 0 and age > KEPT
