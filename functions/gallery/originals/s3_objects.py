"""The objects of one S3 bucket, with our errors. Depends on aws.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.gallery.errors import ImageNotFound
from functions.gallery.originals.aws import map_errors


@dataclass(frozen=True, slots=True)
class S3Objects:
    """Reads and writes objects; a condition is one of S3's, such as `IfMatch`."""

    bucket: str
    s3: Any  # a client of botocore

    def get(
        self, key: str, *, of_original: bool = False, **condition: str
    ) -> tuple[Mapping[str, Any], bytes]:
        """Return the response to GET and the bytes; raises ImageNotFound or ObjectChanged.

        Of an original that cannot be read, raises UnreadableOriginal.
        """
        with map_errors(f"s3://{self.bucket}/{key}", of_original=of_original):
            response = self.s3.get_object(Bucket=self.bucket, Key=key, **condition)
            return response, response["Body"].read()

    def head(self, key: str) -> Mapping[str, Any] | None:
        """Return the response to HEAD, or None."""
        try:
            with map_errors(f"s3://{self.bucket}/{key}"):
                response: Mapping[str, Any] = self.s3.head_object(Bucket=self.bucket, Key=key)
                return response
        except ImageNotFound:
            return None

    def read(self, key: str) -> bytes | None:
        """Return the bytes of an object, or None."""
        try:
            return self.get(key)[1]
        except ImageNotFound:
            return None

    def put(
        self, key: str, data: bytes, kind: str, headers: Mapping[str, str], **condition: str
    ) -> Any:
        """Write an object; returns the response. Raises ObjectChanged if the condition fails."""
        with map_errors(f"s3://{self.bucket}/{key}"):
            return self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=data,
                ContentType=kind,
                Metadata=headers,
                **condition,
            )

    def remove(self, key: str, **condition: str) -> None:
        """Remove an object; a missing one is ignored. Raises ObjectChanged."""
        with map_errors(f"s3://{self.bucket}/{key}"):
            self.s3.delete_object(Bucket=self.bucket, Key=key, **condition)

    def remove_if_there(self, key: str) -> None:
        """Remove an object without leaving a delete marker if there is none."""
        # In a versioned bucket, deleting nothing would leave a marker every time.
        if self.head(key) is not None:
            self.remove(key)

    def entry(self, key: str) -> Mapping[str, Any] | None:
        """Return the line of an object in the listing, which shows also one that HEAD does not."""
        with map_errors(f"The list of s3://{self.bucket}"):
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return next((e for e in page.get("Contents", ()) if e["Key"] == key), None)

    def entries(self, prefix: str, after: str | None) -> Iterator[Any]:
        """List the objects of a prefix by key, after `after`, in pages of 1,000."""
        start = {} if after is None else {"StartAfter": after}
        paginator = self.s3.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self.bucket, Prefix=prefix, **start))
        while True:
            with map_errors(f"The list of s3://{self.bucket}"):
                page = next(pages, None)
            if page is None:
                return
            yield from page.get("Contents", ())
