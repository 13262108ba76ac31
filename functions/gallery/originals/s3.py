"""Originals in an S3 bucket, under their own keys, with their metadata as user metadata.

So the index can be made from the bucket alone. Our own files are under `.lookalike/`, which events
ignore. Depends on names and bytes, not on what is in them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from functions.gallery.errors import ImageNotFound, InvalidName
from functions.gallery.names import RESERVED, image_id, is_picture_name
from functions.gallery.originals.aws import client, map_errors
from functions.gallery.originals.objects import (
    REPLIES_KEPT_S,
    bytes_etag,
    etag_of,
    read_refusal,
    write_refusal,
)
from functions.gallery.originals.s3_metadata import read_headers, write_headers
from functions.gallery.pictures.formats import media_type
from functions.gallery.records import (
    Listed,
    ObjectState,
    Original,
    Refusal,
    SignedForm,
    StoredImage,
)

LINK_S = 900
FORM_S = 600
_THUMBNAILS = f"{RESERVED}thumbnails/"
_REFUSED = f"{RESERVED}refused/"
_REPLIES = f"{RESERVED}replies/"
_AFTER_RESERVED = f"{RESERVED}\U0010ffff"  # the last key that can begin so


@dataclass
class S3Originals:
    """The ports `Originals` and `Signer` in a bucket."""

    bucket: str
    s3: Any  # a client of botocore

    @classmethod
    def connect(cls, bucket: str) -> "S3Originals":
        """Use this bucket with the credentials of the environment; nothing is sent yet."""
        return cls(bucket, client("s3", dotted="." in bucket))

    def head(self, name: str) -> ObjectState | None:
        try:
            with map_errors(f"s3://{self.bucket}/{name}"):
                head = self.s3.head_object(Bucket=self.bucket, Key=name)
        except ImageNotFound:
            return None
        return ObjectState(_etag(head, read_headers(head["Metadata"])), head["ContentLength"])

    def exists(self, name: str) -> bool:
        return self.head(name) is not None

    def read(self, name: str) -> bytes:
        return self._get(name)[1]

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Return bytes, etag and metadata of one GET; raises ImageNotFound or ObjectChanged."""
        condition = {} if etag is None else {"IfMatch": f'"{bytes_etag(etag)}"'}
        response, data = self._get(name, **condition)
        metadata = read_headers(response["Metadata"])
        return Original(data, metadata, response["ContentType"], _etag(response, metadata))

    def write(self, name: str, original: Original) -> str:
        """Write an original with its metadata, replacing any other; returns its etag.

        Raises InvalidMetadata if the metadata exceed S3's 2 KB.
        """
        headers = write_headers(original.metadata)
        response = self._put(name, original.data, original.media_type, headers)
        return _etag(response, read_headers(headers))

    def remove(self, name: str) -> None:
        with map_errors(f"s3://{self.bucket}/{name}"):
            self.s3.delete_object(Bucket=self.bucket, Key=name)

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        self._put(_thumbnail(image), data, "image/jpeg", {})

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        try:
            return self.read(_thumbnail(image))
        except ImageNotFound:
            return None

    def remove_thumbnail(self, image: StoredImage) -> None:
        self._remove_if_there(_thumbnail(image))

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the pictures by key, after `after`, in pages of 1,000."""
        for entry in self._entries("", after):
            if entry["Key"].startswith(RESERVED):  # skip them all, perhaps many thumbnails
                yield from self.names(_AFTER_RESERVED)
                return
            if is_picture_name(entry["Key"]):
                yield Listed(entry["Key"], entry["ETag"].strip('"'), entry["LastModified"])

    def refuse(self, refusal: Refusal) -> None:
        self._put(self._refusal(refusal.name), write_refusal(refusal), "application/json", {})

    def refusal(self, name: str) -> Refusal | None:
        return self._read_refusal(self._refusal(name))

    def clear_refusal(self, name: str) -> None:
        self._remove_if_there(self._refusal(name))

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        start = None if after is None else f"{_REFUSED}{after}.json"
        for entry in self._entries(_REFUSED, start):
            if refusal := self._read_refusal(entry["Key"]):
                yield refusal

    def count_refusals(self, most: int) -> int:
        return sum(1 for _ in islice(self._entries(_REFUSED, None), most))

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a response; a lifecycle rule of the bucket removes it after some days."""
        self._put(f"{_REPLIES}{key}.json", reply, "application/json", {})

    def read_reply(self, key: str) -> bytes | None:
        since = datetime.now(UTC) - timedelta(seconds=REPLIES_KEPT_S)
        try:
            response, reply = self._get(f"{_REPLIES}{key}.json")
        except ImageNotFound:
            return None
        return reply if response["LastModified"] > since else None

    def sign_link(self, image: StoredImage) -> str:
        """Return a link that works for LINK_S seconds and always shows a picture, never a page.

        It ends earlier if the credentials that sign it do, as those of a function can.
        """
        kind = media_type(image.format)
        request = {"Bucket": self.bucket, "Key": image.name, "ResponseContentType": kind}
        with map_errors(f"s3://{self.bucket}/{image.name}"):
            return str(self.s3.generate_presigned_url("get_object", request, LINK_S))

    def sign_form(self, name: str, media_type: str, max_bytes: int) -> SignedForm:
        """Return a form for one file of this name and type, of 1 to `max_bytes` bytes.

        It works for FORM_S seconds. Raises InvalidName for a name in which S3 would insert the name
        of the file.
        """
        if "${filename}" in name:
            raise InvalidName("A name cannot contain ${filename}; choose another", field="name")
        expires_at = datetime.now(UTC) + timedelta(seconds=FORM_S)
        with map_errors(f"s3://{self.bucket}/{name}"):
            form = self.s3.generate_presigned_post(
                self.bucket,
                name,
                Fields={"Content-Type": media_type},
                Conditions=[{"Content-Type": media_type}, ["content-length-range", 1, max_bytes]],
                ExpiresIn=FORM_S,
            )
        return SignedForm(form["url"], form["fields"], expires_at)

    def _get(self, key: str, **condition: str) -> tuple[Mapping[str, Any], bytes]:
        with map_errors(f"s3://{self.bucket}/{key}"):
            response = self.s3.get_object(Bucket=self.bucket, Key=key, **condition)
            return response, response["Body"].read()

    def _put(self, key: str, data: bytes, kind: str, headers: Mapping[str, str]) -> Any:
        with map_errors(f"s3://{self.bucket}/{key}"):
            return self.s3.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=kind, Metadata=headers
            )

    def _remove_if_there(self, key: str) -> None:
        # In a versioned bucket, deleting nothing would leave a marker every time.
        if self.head(key) is not None:
            self.remove(key)

    def _entries(self, prefix: str, after: str | None) -> Iterator[Any]:
        start = {} if after is None else {"StartAfter": after}
        paginator = self.s3.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self.bucket, Prefix=prefix, **start))
        while True:
            with map_errors(f"The list of s3://{self.bucket}"):
                page = next(pages, None)
            if page is None:
                return
            yield from page.get("Contents", ())

    def _refusal(self, name: str) -> str:
        return f"{_REFUSED}{image_id(self.bucket, name)}.json"

    def _read_refusal(self, key: str) -> Refusal | None:
        try:
            return read_refusal(self.read(key))
        except ImageNotFound:
            return None


def _thumbnail(image: StoredImage) -> str:
    return f"{_THUMBNAILS}{image.id}-{image.sha256[:16]}.jpg"


def _etag(response: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    return etag_of(response["ETag"].strip('"'), metadata)
