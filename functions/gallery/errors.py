"""Everything that can go wrong, as one tree. Knows no status codes; doors translate `code`.

LookalikeError
|- PictureError             what was sent cannot become a picture
|  |- EmptyPicture
|  |- PictureTooLarge       too many bytes or pixels
|  |- UnsupportedFormat     not a picture, or one whose decoder is not installed
|  `- UndecodablePicture    the right format, but damaged
|- RequestError             the call itself makes no sense
|  |- InvalidName, InvalidMetadata, InvalidFilter, InvalidExamples, InvalidCursor
|  `- UrlRefused            an address, or a redirect or answer of it, that is not allowed
|- UrlUnreachable           a URL gave no picture; try again
|- ImageNotFound
|- NameTaken
|- ObjectChanged            it was replaced or removed while it was read; look again
|- StoreError               the vector store or the originals
|  |- StoreUnavailable      did not answer; try again (retry_after may say when)
|  |- StoreTimeout          did not answer in time; try again
|  |- StoreRejected         refused what we sent: a fault of ours or of the configuration
|  |- StoreDenied           refused our key
|  |- StoreFull             no room left
|  `- StoreBusy             another process holds the embedded store
|- ModelMismatch            graph and card, or collection and model, do not belong together
`- SettingsError            the environment asks for something impossible
"""

from typing import ClassVar


class LookalikeError(Exception):
    """Anything this product raises on purpose; `code` is stable, `retryable`: waiting may help."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class PictureError(LookalikeError):
    """What was sent cannot become a picture."""

    code = "undecodable-picture"


class EmptyPicture(PictureError):
    """No bytes came."""

    code = "empty-picture"


class PictureTooLarge(PictureError):
    """More bytes or pixels than the limits allow; known before any pixel is decoded."""

    code = "picture-too-large"


class UnsupportedFormat(PictureError):
    """Not a picture, or a format whose decoder is not installed; the message names it."""

    code = "unsupported-format"


class UndecodablePicture(PictureError):
    """The format is known but the content is damaged."""


class RequestError(LookalikeError):
    """The call itself makes no sense; `field` names the part of it that is wrong."""

    code = "invalid-request"

    def __init__(self, message: str, *, field: str = "") -> None:
        """Keep the name of the wrong part beside the message."""
        super().__init__(message)
        self.field = field

    @property
    def path(self) -> tuple[str, ...]:
        """Where in the request the wrong part is; empty if it is the whole."""
        return (self.field,) if self.field else ()


class InvalidName(RequestError):
    """A name that no bucket or folder could hold."""

    code = "invalid-name"


class InvalidMetadata(RequestError):
    """Metadata that does not fit the declared fields or the limits."""

    code = "invalid-metadata"

    @property
    def path(self) -> tuple[str, ...]:
        """Where in the request the field is."""
        return ("metadata", self.field) if self.field else ("metadata",)


class InvalidFilter(RequestError):
    """A filter, order or group by an undeclared field, or with a value of the wrong type."""

    code = "invalid-filter"

    def __init__(self, message: str, *, field: str = "", option: str = "filter") -> None:
        """Keep which option asked for the field."""
        super().__init__(message, field=field)
        self._option = option

    @property
    def path(self) -> tuple[str, ...]:
        """Where in the request the field is."""
        inside = self._option == "filter" and self.field
        return (self._option, self.field) if inside else (self._option,)


class InvalidExamples(RequestError):
    """Examples that together ask for nothing."""

    code = "invalid-examples"


class InvalidCursor(RequestError):
    """A cursor that no list answer ever gave."""

    code = "invalid-cursor"

    @property
    def path(self) -> tuple[str, ...]:
        """Where in the request the cursor is."""
        return ("cursor",)


class UrlRefused(RequestError):
    """A URL, or a redirect or an answer of it, that is not allowed; trying again does not help."""

    code = "url-refused"

    def __init__(self, message: str, *, field: str = "url") -> None:
        """Point at the URL unless told otherwise."""
        super().__init__(message, field=field)


class UrlUnreachable(LookalikeError):
    """What lies at a URL did not come: no answer, not in time, a wrong status or not all of it."""

    code = "url-unreachable"
    retryable = True


class ImageNotFound(LookalikeError):
    """No image has this id."""

    code = "image-not-found"


class NameTaken(LookalikeError):
    """Another picture has this name already."""

    code = "name-taken"


class ObjectChanged(LookalikeError):
    """An original was replaced or removed while it was looked at; look again."""

    code = "object-changed"
    retryable = True


class StoreError(LookalikeError):
    """The vector store or the place of the originals failed."""

    code = "store-failed"


class StoreUnavailable(StoreError):
    """No answer, or "not now"; `retry_after` holds the seconds to wait if the store named them."""

    code = "store-unreachable"
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the pause that the store asked for, in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class StoreTimeout(StoreUnavailable):
    """No answer in time; a write may have happened all the same, so send it again."""

    code = "store-timeout"


class StoreRejected(StoreError):
    """The store refused what we sent, or answered what no Qdrant would: a fault on our side."""

    code = "store-rejected"


class StoreDenied(StoreError):
    """The store refused our key."""

    code = "store-denied"


class StoreFull(StoreError):
    """No room is left where pictures or vectors are kept."""

    code = "store-full"


class StoreBusy(StoreError):
    """Another process holds the embedded store; only one may open it."""

    code = "store-busy"


class ModelMismatch(LookalikeError):
    """A graph that does not fit its card, or a collection that another model filled."""

    code = "model-mismatch"


class SettingsError(LookalikeError):
    """The environment asks for something impossible."""

    code = "settings"
