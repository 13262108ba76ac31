"""Lets one comparison of bucket and index run at a time: a small object in the bucket.

    .lookalike/comparison.json    which comparison runs, its last part and when that began

Depends on aws.py.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.gallery.errors import ImageNotFound, ObjectChanged
from functions.gallery.names import RESERVED
from functions.gallery.originals.aws import client
from functions.gallery.originals.s3_objects import S3Objects

_KEY = f"{RESERVED}comparison.json"
# A comparison that ended without a word holds others up for so long; the parts of one that runs
# begin closer together, unless the queue is longer than that.
KEPT = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class BucketLease:
    """The port `Lease`, kept with conditional writes."""

    objects: S3Objects

    @classmethod
    def connect(cls, bucket: str) -> "BucketLease":
        """Use this bucket with the credentials of the environment; nothing is sent yet."""
        return cls(S3Objects(bucket, client("s3", dotted="." in bucket)))

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
    if lease["holder"] == holder:
        return part >= int(lease["part"])  # an earlier part was delivered twice
    return part == 0 and now - datetime.fromisoformat(lease["at"]) > KEPT
