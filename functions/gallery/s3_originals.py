"""Where pictures live: a bucket of S3. Knows names and bytes, never what is in them.

Pictures lie under their own keys, with their metadata as user metadata, so that the index can be
made from the bucket alone. What is ours lies under `.lookalike/`, which no event is looked at for.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from functions.gallery.aws import client, translated
from functions.gallery.errors import ImageNotFound, InvalidName
from functions.gallery.formats import media_type
from functions.gallery.names import OURS, image_id, is_picture_name
from functions.gallery.object_metadata import headers_of, metadata_in
from functions.gallery.objects import (
    REPLIES_KEPT_S,
    Listed,
    ObjectState,
    Original,
    SignedForm,
    etag_of,
    etag_of_bytes,
    read_refusal,
    written_refusal,
)
from functions.gallery.records import Refusal, StoredImage

LINK_S = 900
FORM_S = 600
_THUMBNAILS = f"{OURS}thumbnails/"
_REFUSED = f"{OURS}refused/"
_REPLIES = f"{OURS}replies/"
_BEHIND_OURS = f"{OURS}\U0010ffff"  # the last of all keys that could begin like ours


class S3Originals:
    """Originals, thumbnails and refusals in a bucket; also signs links and forms."""

    def __init__(self, bucket: str, s3: Any) -> None:
        """Take over a client; `connect` is the way to get one."""
        self.bucket = bucket
        self._s3 = s3

    @classmethod
    def connect(cls, bucket: str) -> "S3Originals":
        """Use this bucket with the credentials of the environment; nothing is sent yet."""
        return cls(bucket, client("s3", dotted="." in bucket))

    def look(self, name: str) -> ObjectState | None:
        """Tell what is there now, or None."""
        try:
            with translated(f"s3://{self.bucket}/{name}"):
                head = self._s3.head_object(Bucket=self.bucket, Key=name)
        except ImageNotFound:
            return None
        return ObjectState(_etag(head), head["ContentLength"])

    def read(self, name: str) -> bytes:
        """Give the bytes of this object; raises ImageNotFound."""
        return self.fetch(name).data

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Give bytes, etag and metadata from one GET; raises ImageNotFound or ObjectChanged."""
        if_match = {} if etag is None else {"IfMatch": f'"{etag_of_bytes(etag)}"'}
        with translated(f"s3://{self.bucket}/{name}"):
            answer = self._s3.get_object(Bucket=self.bucket, Key=name, **if_match)
            data = answer["Body"].read()
        metadata = metadata_in(answer["Metadata"])
        return Original(data, metadata, answer["ContentType"], _etag(answer))

    def write(self, name: str, original: Original) -> str:
        """Keep an original with its metadata, replacing what was there; returns its etag.

        Raises InvalidMetadata if they are over S3's 2 KB.
        """
        headers = headers_of(original.metadata)
        answer = self._put(name, original.data, original.media_type, headers)
        return etag_of(answer["ETag"].strip('"'), metadata_in(headers))

    def remove(self, name: str) -> None:
        """Forget this object, if it is there."""
        with translated(f"s3://{self.bucket}/{name}"):
            self._s3.delete_object(Bucket=self.bucket, Key=name)

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        """Keep a thumbnail for as long as these very bytes are the image."""
        self._put(_thumbnail(image), data, "image/jpeg", {})

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        """Give the thumbnail made of these very bytes, or None."""
        try:
            return self.read(_thumbnail(image))
        except ImageNotFound:
            return None

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Forget the thumbnail, if there is one."""
        self._remove_ours(_thumbnail(image))

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the pictures by key, those behind `after`, a page of 1,000 at a time."""
        for entry in self._entries("", after):
            if entry["Key"].startswith(OURS):  # all of it in a row, perhaps many thumbnails
                yield from self.names(_BEHIND_OURS)
                return
            if is_picture_name(entry["Key"]):
                yield Listed(entry["Key"], entry["ETag"].strip('"'), entry["LastModified"])

    def refuse(self, refusal: Refusal) -> None:
        """Remember a refusal, in place of an earlier one of the same name."""
        key = self._refusal(refusal.name)
        self._put(key, written_refusal(refusal), "application/json", {})

    def refusal(self, name: str) -> Refusal | None:
        """Give the refusal of this name, if there is one."""
        return self._read_refusal(self._refusal(name))

    def forgive(self, name: str) -> None:
        """Forget a refusal, if there is one."""
        self._remove_ours(self._refusal(name))

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        """List refusals in the order of their image ids, those behind the id `after`."""
        start = None if after is None else f"{_REFUSED}{after}.json"
        for entry in self._entries(_REFUSED, start):
            if (refusal := self._read_refusal(entry["Key"])) is not None:
                yield refusal

    def count_refusals(self, most: int) -> int:
        """Count refusals, but no further than `most`."""
        return sum(1 for _ in islice(self._entries(_REFUSED, None), most))

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a reply; a rule of the bucket removes it after some days."""
        self._put(f"{_REPLIES}{key}.json", reply, "application/json", {})

    def read_reply(self, key: str) -> bytes | None:
        """Give the reply kept under this key within the last day, or None."""
        name = f"{_REPLIES}{key}.json"
        since = datetime.now(UTC) - timedelta(seconds=REPLIES_KEPT_S)
        try:
            with translated(f"s3://{self.bucket}/{name}"):
                answer = self._s3.get_object(Bucket=self.bucket, Key=name)
                reply = bytes(answer["Body"].read())
        except ImageNotFound:
            return None
        return reply if answer["LastModified"] > since else None

    def sign_link(self, image: StoredImage, *, thumbnail: bool = False) -> str:
        """Give a link that works for LINK_S seconds; it shows the picture and is never a page.

        Shorter if the credentials that sign it end before, as those of a function may.
        """
        key = _thumbnail(image) if thumbnail else image.name
        kind = "image/jpeg" if thumbnail else media_type(image.format)
        wanted = {"Bucket": self.bucket, "Key": key, "ResponseContentType": kind}
        with translated(f"s3://{self.bucket}/{key}"):
            link = self._s3.generate_presigned_url("get_object", Params=wanted, ExpiresIn=LINK_S)
        return str(link)

    def sign_form(self, name: str, media_type: str, max_bytes: int) -> SignedForm:
        """Give a form for one file of this name and type, of 1 to `max_bytes` bytes, for FORM_S s.

        Raises InvalidName for a name in which S3 would put the file's own.
        """
        if "${filename}" in name:
            raise InvalidName("A name to upload to has no ${filename} in it", field="name")
        expires_at = datetime.now(UTC) + timedelta(seconds=FORM_S)
        with translated(f"s3://{self.bucket}/{name}"):
            form = self._s3.generate_presigned_post(
                self.bucket,
                name,
                Fields={"Content-Type": media_type},
                Conditions=[
                    {"Content-Type": media_type},
                    ["content-length-range", 1, max_bytes],
                ],
                ExpiresIn=FORM_S,
            )
        return SignedForm(form["url"], form["fields"], expires_at)

    def _put(self, key: str, data: bytes, kind: str, headers: Mapping[str, str]) -> Any:
        with translated(f"s3://{self.bucket}/{key}"):
            return self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=kind, Metadata=headers
            )

    def _remove_ours(self, key: str) -> None:
        # In a versioned bucket a delete of nothing would leave a marker behind, every time.
        if self.look(key) is not None:
            self.remove(key)

    def _entries(self, prefix: str, after: str | None) -> Iterator[Any]:
        begin = {} if after is None else {"StartAfter": after}
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, **begin
        )
        waiting = iter(pages)
        while True:
            with translated(f"The list of s3://{self.bucket}"):
                page = next(waiting, None)
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


def _etag(answer: Mapping[str, Any]) -> str:
    return etag_of(answer["ETag"].strip('"'), metadata_in(answer["Metadata"]))
