"""Everything that can go wrong, as one tree. Status codes are in api/errors.py, by class.

LookalikeError
|- PictureError             the bytes cannot become a picture
|  |- EmptyPicture
|  |- PictureTooLarge       too many bytes, pixels or parts
|  |- UnsupportedFormat     not a picture, or of a kind that is not read
|  `- DamagedPicture        a supported format, but damaged
|- RequestError             the request itself is wrong
|  |- InvalidName, InvalidMetadata, InvalidFilter, InvalidExamples, InvalidCursor
|  |- UrlRefused            a URL, or a redirect or response of it, that is not allowed
|  `- UrlUnreachable        a URL returned no picture
|- TooManyPixels            the pictures of one request, taken together
|- NotReached               the time for one request was over; try again
|- ImageNotFound
|- NameTaken
|- ReadOnlyOriginals        a gallery in place stores no pictures
|- UnreadableOriginal       an original is there, but archived, encrypted or access to it denied
|- ObjectChanged            an original was replaced or removed while it was read; try again
|- OutOfMemory              no memory left for a picture; try again
|- StoreError               the vector store or the originals failed
|  |- StoreUnavailable      no answer; try again (retry_after can say when)
|  |  |- StoreNotReached    no connection, so nothing happened
|  |  `- StoreTimeout       no answer in time; try again
|  |- StoreRejected         the request was refused: a mistake of ours or of the settings
|  |- StoreDenied           our key was refused
|  |- StoreFull             no room left
|  `- StoreBusy             another process has the embedded store
|- ModelMismatch            graph and card, or collection and model, do not fit
|- OtherOriginals           the collection indexes the pictures of another bucket or folder
`- SettingsError            a setting is wrong
"""

from typing import ClassVar


class LookalikeError(Exception):
    """Any error that Lookalike raises on purpose, with a stable `code`."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False  # whether trying again can help


class PictureError(LookalikeError):
    """The bytes cannot become a picture."""

    code = "damaged-picture"


class EmptyPicture(PictureError):
    """There are no bytes."""

    code = "empty-picture"


class PictureTooLarge(PictureError):
    """More bytes, pixels or parts than are allowed; found before any pixel is decoded."""

    code = "picture-too-large"


class UnsupportedFormat(PictureError):
    """Not a picture, or of a kind that is not read; the message names it."""

    code = "unsupported-format"


class DamagedPicture(PictureError):
    """The format is supported but the content is damaged."""


class RequestError(LookalikeError):
    """The request itself is wrong; `field` names the wrong part."""

    code = "invalid-request"
    option: str = ""  # the part of the request that has the field
    field: str = ""

    def __init__(self, message: str, *, field: str = "") -> None:
        """Keep the name of the wrong part."""
        super().__init__(message)
        self.field = field or self.field

    @property
    def path(self) -> tuple[str, ...]:
        """The path to the wrong part of the request; empty for the whole."""
        return tuple(part for part in (self.option, self.field) if part)


class InvalidName(RequestError):
    """A name that a bucket or a folder cannot hold."""

    code = "invalid-name"


class InvalidMetadata(RequestError):
    """Metadata that does not fit the declared fields or the limits."""

    code = "invalid-metadata"
    option = "metadata"


class InvalidFilter(RequestError):
    """A filter, sort or group by an undeclared field, or with a value of the wrong type."""

    code = "invalid-filter"

    def __init__(self, message: str, *, field: str = "", option: str = "filter") -> None:
        """Keep the option; only a filter has fields inside."""
        super().__init__(message, field=field if option == "filter" else "")
        self.option = option


class InvalidExamples(RequestError):
    """Examples that cancel each other or are missing."""

    code = "invalid-examples"


class InvalidCursor(RequestError):
    """A cursor that no list returned."""

    code = "invalid-cursor"
    field = "cursor"


class UrlRefused(RequestError):
    """A URL, or a redirect or response of it, that is not allowed; trying again does not help."""

    code = "url-refused"
    field = "url"


class UrlUnreachable(RequestError):
    """A URL returned no picture: no answer, not in time, an error status or not all bytes."""

    code = "url-unreachable"
    field = "url"


class TooManyPixels(LookalikeError):
    """The pictures of one request have too many pixels together; each may be small enough."""

    code = "too-many-pixels"


class NotReached(LookalikeError):
    """The time for one call was over before this item was started; send it again."""

    code = "not-reached"
    retryable = True


class ImageNotFound(LookalikeError):
    """No image has this id."""

    code = "image-not-found"


class NameTaken(LookalikeError):
    """Another picture has this name."""

    code = "name-taken"


class ReadOnlyOriginals(LookalikeError):
    """The gallery reads its pictures where they are, and stores none."""

    code = "read-only-originals"

    def __init__(self, message: str = "") -> None:
        """Say what to do, which is the same for all."""
        super().__init__(
            message
            or "This gallery reads its pictures where they are and stores none; put the file into "
            "their folder"
        )


class UnreadableOriginal(LookalikeError):
    """An original is there, but archived, encrypted by its owner, or access to it is denied."""

    code = "unreadable-original"


class ObjectChanged(LookalikeError):
    """An original was replaced or removed while it was read; try again."""

    code = "object-changed"
    retryable = True


class OutOfMemory(LookalikeError):
    """There is not enough memory at the moment; try again."""

    code = "out-of-memory"
    retryable = True


class StoreError(LookalikeError):
    """The vector store or the originals failed."""

    code = "store-failed"


class StoreUnavailable(StoreError):
    """No answer, or "not now"; `retry_after` are the seconds to wait, if the store said so."""

    code = "store-unreachable"
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the pause in seconds that the store asked for."""
        super().__init__(message)
        self.retry_after = retry_after


class StoreNotReached(StoreUnavailable):
    """No connection was made, so nothing happened."""


class StoreTimeout(StoreUnavailable):
    """No answer in time; a write may have happened anyway, so send it again."""

    code = "store-timeout"


class StoreRejected(StoreError):
    """The store refused the request, or did not answer like Qdrant: a mistake on our side."""

    code = "store-rejected"


class StoreDenied(StoreError):
    """The store refused our key."""

    code = "store-denied"


class StoreFull(StoreError):
    """There is no room left for pictures or vectors."""

    code = "store-full"


class StoreBusy(StoreError):
    """Another process has the embedded store; only one at a time can open it."""

    code = "store-busy"


class ModelMismatch(LookalikeError):
    """A graph that does not fit its card, or a collection of another model."""

    code = "model-mismatch"


class OtherOriginals(LookalikeError):
    """The collection indexes the pictures of another bucket or folder."""

    code = "other-originals"


class SettingsError(LookalikeError):
    """A setting is wrong."""

    code = "settings"
