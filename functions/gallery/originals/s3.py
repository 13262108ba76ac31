"""Originals in an S3 bucket, under their own keys, with their metadata as user metadata.

    <name>                        the picture
    .lookalike/records/<id>.json  metadata that the object does not hold
    .lookalike/refused/<id>.json  why it cannot be indexed
    .lookalike/thumbnails, replies

So the index can be made from the bucket alone. Events ignore `.lookalike/`. Depends on names and
bytes, not on what is in them.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    LookalikeError,
    ObjectChanged,
    StoreDenied,
    StoreRejected,
    UnreadableOriginal,
)
from functions.gallery.names import RESERVED, image_id, is_picture_name, record_id
from functions.gallery.originals.aws import ARCHIVED, client, map_errors
from functions.gallery.originals.objects import (
    REPLIES_KEPT_S,
    bytes_etag,
    etag_of,
    hash_of,
    metadata_of,
    name_taken,
    read_record,
    read_refusal,
    write_record,
    write_refusal,
)
from functions.gallery.originals.s3_metadata import read_headers, write_headers
from functions.gallery.originals.s3_objects import S3Objects
from functions.gallery.pictures.formats import media_type
from functions.gallery.records import (
    Listed,
    Metadata,
    MetadataRecord,
    ObjectState,
    Original,
    Refusal,
    SignedForm,
    StoredImage,
)
from functions.gallery.threads import map_in_threads

LINK_S = 900
THUMBNAIL_LINK_S = 3_600
FORM_S = 600
_MOST_SIGNED = 2_000  # 1.4 KB each, of which the token of a function's role is 1 KB
_RECORDS = f"{RESERVED}records/"
_THUMBNAILS = f"{RESERVED}thumbnails/"
_REFUSED = f"{RESERVED}refused/"
_REPLIES = f"{RESERVED}replies/"
_READERS = 8  # each waits for the bucket
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}  # GLACIER_IR is read like any other class
_AFTER_RESERVED = f"{RESERVED}\U0010ffff"  # the last key that can begin so


class S3Originals:
    """The ports `Originals` and `Signer` in a bucket."""

    in_place = False
    left_out = ""

    def __init__(self, objects: S3Objects) -> None:
        """Use the objects of a bucket; `connect` does so by its name."""
        self.bucket, self.objects = objects.bucket, objects
        self._signed: dict[str, tuple[str, float]] = {}  # key -> link, until when it is returned

    @classmethod
    def connect(cls, bucket: str) -> "S3Originals":
        """Use this bucket with the credentials of the environment; nothing is sent yet."""
        return cls(S3Objects(bucket, client("s3", dotted="." in bucket)))

    def head(self, name: str) -> ObjectState | None:
        """Return the state of an object; of one that HEAD is refused, what the listing shows."""
        try:
            response = self.objects.head(name)
        except (StoreDenied, StoreRejected) as error:
            return self._hidden_state(name, error)
        return None if response is None else self._state(name, response)

    def exists(self, name: str) -> bool:
        try:
            return self.objects.head(name) is not None
        except (StoreDenied, StoreRejected):
            return self.objects.entry(name) is not None

    def can_be_read(self, name: str) -> bool:
        return self._why_unreadable(name) == ""

    def has_bytes(self, image: StoredImage) -> bool:
        response = self.objects.head(image.name)
        return response is not None and response["ETag"].strip('"') == bytes_etag(image.etag)

    def read(self, name: str, etag: str | None = None) -> bytes:
        return self.objects.get(name, of_original=True, **_if_match(etag))[1]

    def open(self, name: str) -> tuple[BinaryIO, int]:
        with map_errors(f"s3://{self.bucket}/{name}", of_original=True):
            response = self.objects.s3.get_object(Bucket=self.bucket, Key=name)
        return response["Body"], response["ContentLength"]

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Return bytes, metadata and etag; raises ImageNotFound or ObjectChanged."""
        response, data = self.objects.get(name, of_original=True, **_if_match(etag))
        state = self._state(name, response)
        kind = response["ContentType"]
        return Original(data, state.metadata, kind, state.etag, state.modified_at)

    def create(self, name: str, original: Original) -> ObjectState:
        """Write an original, then the metadata that it cannot hold; raises NameTaken.

        A process that is killed in between leaves an original without those.
        """
        headers, record = write_headers(original.metadata), self.record_etag(name)
        try:
            response = self.objects.put(
                name, original.data, original.media_type, headers, IfNoneMatch="*"
            )
        except ObjectChanged as error:
            raise name_taken(name) from error
        try:
            self._write_rest(name, original, headers, record)
        except LookalikeError:
            self.objects.remove(name, IfMatch=response["ETag"])
            raise
        return _written(response, original)

    def write(self, name: str, original: Original) -> ObjectState:
        headers = write_headers(original.metadata)
        response = self.objects.put(name, original.data, original.media_type, headers)
        self._write_rest(name, original, headers, self.record_etag(name))
        return _written(response, original)

    def write_metadata(self, name: str, metadata: Metadata, state: ObjectState) -> None:
        record = MetadataRecord(name, metadata, state.own_metadata)
        condition = {"IfNoneMatch": "*"} if state.record is None else {"IfMatch": state.record}
        self._put_record(record, **condition)

    def record_etag(self, name: str) -> str | None:
        response = self.objects.head(self._record(name))
        return None if response is None else response["ETag"]

    def remove_record(self, name: str, etag: str) -> None:
        with suppress(ObjectChanged, ImageNotFound):
            self.objects.remove(self._record(name), IfMatch=etag)

    def records(self, after: str | None = None) -> Iterator[MetadataRecord]:
        start = None if after is None else f"{_RECORDS}{after}.json"
        for data in self._read_all(_RECORDS, start):
            if data is not None and (record := read_record(data)):
                yield record

    def remove(self, name: str) -> None:
        record = self.record_etag(name)
        self.objects.remove(name)
        if record is not None:
            self.remove_record(name, record)

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        self.objects.put(_thumbnail(image), data, "image/jpeg", {})

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        return self.objects.read(_thumbnail(image))

    def remove_thumbnail(self, image: StoredImage) -> None:
        self.objects.remove_if_there(_thumbnail(image))

    def remove_thumbnails(self, image_id: str) -> None:
        for entry in self.objects.entries(f"{_THUMBNAILS}{image_id}-", None):
            self.objects.remove(entry["Key"])

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the pictures by key, after `after`, in pages of 1,000."""
        for entry in self.objects.entries("", after):
            if entry["Key"].startswith(RESERVED):  # skip them all, perhaps many thumbnails
                yield from self.names(_AFTER_RESERVED)
                return
            if is_picture_name(entry["Key"]):
                etag, modified_at = entry["ETag"].strip('"'), entry["LastModified"]
                yield Listed(entry["Key"], etag, entry["Size"], modified_at)

    def refuse(self, refusal: Refusal) -> None:
        self.objects.put(
            self._refusal(refusal.name), write_refusal(refusal), "application/json", {}
        )

    def refusal(self, name: str) -> Refusal | None:
        data = self.objects.read(self._refusal(name))
        return None if data is None else read_refusal(data)

    def clear_refusal(self, name: str) -> None:
        self.objects.remove_if_there(self._refusal(name))

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        start = None if after is None else f"{_REFUSED}{after}.json"
        for data in self._read_all(_REFUSED, start):
            if data is not None and (refusal := read_refusal(data)):
                yield refusal

    def refused_ids(self) -> Iterator[str]:
        for entry in self.objects.entries(_REFUSED, None):
            yield entry["Key"].removeprefix(_REFUSED).removesuffix(".json")

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a response; a lifecycle rule of the bucket removes it after some days."""
        self.objects.put(f"{_REPLIES}{key}.json", reply, "application/json", {})

    def read_reply(self, key: str) -> bytes | None:
        since = datetime.now(UTC) - timedelta(seconds=REPLIES_KEPT_S)
        try:
            response, reply = self.objects.get(f"{_REPLIES}{key}.json")
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
            return str(self.objects.s3.generate_presigned_url("get_object", request, LINK_S))

    def sign_thumbnail(self, image: StoredImage) -> str:
        """Return a link that works for THUMBNAIL_LINK_S seconds.

        For half that time it stays the same, so that a browser loads each thumbnail once. It ends
        earlier if the credentials that sign it do.
        """
        key, now = _thumbnail(image), time.time()
        link, until = self._signed.get(key, ("", 0.0))
        if now < until:
            return link
        age = f"private, max-age={THUMBNAIL_LINK_S}, immutable"
        request = {"Bucket": self.bucket, "Key": key, "ResponseCacheControl": age}
        with map_errors(f"s3://{self.bucket}/{key}"):
            link = str(
                self.objects.s3.generate_presigned_url("get_object", request, THUMBNAIL_LINK_S)
            )
        if len(self._signed) >= _MOST_SIGNED:
            self._signed.clear()
        self._signed[key] = (link, now + THUMBNAIL_LINK_S / 2)
        return link

    def sign_form(self, name: str, media_type: str, max_bytes: int) -> SignedForm:
        """Return a form for one file of this name and type, of 1 to `max_bytes` bytes.

        It works for FORM_S seconds. Raises InvalidName for a name in which S3 would insert the name
        of the file.
        """
        if "${filename}" in name:
            raise InvalidName("A name cannot contain ${filename}; choose another", field="name")
        expires_at = datetime.now(UTC) + timedelta(seconds=FORM_S)
        with map_errors(f"s3://{self.bucket}/{name}"):
            form = self.objects.s3.generate_presigned_post(
                self.bucket,
                name,
                Fields={"Content-Type": media_type},
                Conditions=[{"Content-Type": media_type}, ["content-length-range", 1, max_bytes]],
                ExpiresIn=FORM_S,
            )
        return SignedForm(form["url"], form["fields"], expires_at)

    def _state(self, name: str, response: Mapping[str, Any]) -> ObjectState:
        """Return the state of an object from the response to HEAD or GET, and its record."""
        own = read_headers(response["Metadata"])
        record, record_etag = self._read_record(name)
        metadata = metadata_of(own, record)
        return ObjectState(
            etag_of(response["ETag"].strip('"'), metadata),
            response["ContentLength"],
            response["LastModified"],
            metadata,
            hash_of(own),
            record_etag,
            f"s3://{self.bucket}/{name} {ARCHIVED}" if _is_archived(response) else "",
        )

    def _hidden_state(self, name: str, error: LookalikeError) -> ObjectState | None:
        """Return what is known of an object that HEAD, whose errors have no code, is refused."""
        reason, entry = self._why_unreadable(name), self.objects.entry(name)
        if not reason:
            raise error
        if entry is None:  # removed since
            return None
        etag = entry["ETag"].strip('"')
        return ObjectState(etag, entry["Size"], entry["LastModified"], unreadable=reason)

    def _why_unreadable(self, name: str) -> str:
        """Return why an object cannot be read, from an attempt to read a byte; empty if it can."""
        try:
            self.objects.get(name, of_original=True, Range="bytes=0-0")
        except UnreadableOriginal as error:
            return str(error)
        except (ImageNotFound, StoreRejected):  # an empty object has no first byte
            pass
        return ""

    def _read_record(self, name: str) -> tuple[MetadataRecord | None, str | None]:
        try:
            response, data = self.objects.get(self._record(name))
        except ImageNotFound:
            return None, None
        return read_record(data), response["ETag"]

    def _write_rest(
        self, name: str, original: Original, headers: Mapping[str, str], record: str | None
    ) -> None:
        """Write a record if the headers lack metadata, or in place of one that is there."""
        if record is not None or (original.metadata and not headers):
            own = hash_of(read_headers(headers))
            self._put_record(MetadataRecord(name, original.metadata, own))

    def _put_record(self, record: MetadataRecord, **condition: str) -> None:
        key, data = self._record(record.name), write_record(record)
        self.objects.put(key, data, "application/json", {}, **condition)

    def _record(self, name: str) -> str:
        return f"{_RECORDS}{record_id(name)}.json"

    def _refusal(self, name: str) -> str:
        return f"{_REFUSED}{image_id(self.bucket, name)}.json"

    def _read_all(self, prefix: str, after: str | None) -> Iterator[bytes | None]:
        """Read the objects of a prefix in order, several at a time."""
        keys = (entry["Key"] for entry in self.objects.entries(prefix, after))
        with closing(map_in_threads(self.objects.read, keys, _READERS)) as contents:
            yield from contents


def _if_match(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"IfMatch": f'"{bytes_etag(etag)}"'}


def _is_archived(response: Mapping[str, Any]) -> bool:
    """Return whether GET would be refused until the object is restored."""
    is_restored = 'ongoing-request="false"' in response.get("Restore", "")
    in_archive = response.get("StorageClass") in _ARCHIVES or "ArchiveStatus" in response
    return in_archive and not is_restored


def _thumbnail(image: StoredImage) -> str:
    return f"{_THUMBNAILS}{image.id}-{image.sha256[:16]}.jpg"


def _written(response: Mapping[str, Any], original: Original) -> ObjectState:
    """Return the state of an object from the response to its PUT, with the time of S3's clock."""
    etag = etag_of(response["ETag"].strip('"'), original.metadata)
    date = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    return ObjectState(etag, len(original.data), date, original.metadata)
