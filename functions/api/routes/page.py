"""Serve the page: the files in page/, under a strict policy. Depends on HTTP.

The paths of the files contain a version, a hash of all of them, so that browsers cache them for
good and never mix two releases. Only `/`, which names the version, is requested every time.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from functions.gallery.errors import LookalikeError

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "page"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@router.get("/")
def page(request: Request) -> Response:
    """Return the page."""
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _policy(_bucket_origin(request)),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
    }
    return _respond(request, "index.html", headers)


@router.get("/page/{version}/{name}")
def page_file(version: str, name: str, request: Request) -> Response:
    """Return one file of the page; for an older version it is today's file."""
    is_current = version == _version()
    age = "public, max-age=31536000, immutable" if is_current else "no-cache"
    return _respond(request, name, {"Cache-Control": age})


def _respond(request: Request, name: str, headers: dict[str, str]) -> Response:
    if name not in _names():
        return Response("There is no such file", 404, media_type="text/plain")
    data, compressed, etag = _content(name)
    headers |= {"ETag": etag, "Vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = compressed
    return Response(data, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES)


@cache
def _version() -> str:
    whole = b"".join((_FOLDER / name).read_bytes() for name in sorted(_names()))
    return hashlib.sha256(whole).hexdigest()[:12]


@cache
def _content(name: str) -> tuple[bytes, bytes, str]:
    """Return a file, the same compressed, and its etag."""
    data = (_FOLDER / name).read_bytes()
    if name == "index.html":
        data = data.replace(b"{version}", _version().encode())
    etag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'  # weak: the same for both encodings
    return data, gzip.compress(data, mtime=0), etag


def _policy(bucket: str) -> str:
    """Allow this origin's own files and requests, and those of the bucket if there is one.

    Pictures are also displayed from memory (blob:): a query before it is sent, and all thumbnails
    if fetching them needs a key.
    """
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' blob: {bucket}",
        "connect-src": f"'self' {bucket}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{rule} {allowed}".strip() for rule, allowed in rules.items())


def _bucket_origin(request: Request) -> str:
    """Return the origin of signed forms and links; empty if a folder keeps the pictures."""
    gallery = getattr(request.app.state, "gallery", None)
    try:
        form = gallery and gallery.view.form("page", "image/jpeg")
    except LookalikeError:
        return ""  # the page opens all the same and reports the problem when it matters
    if not form:
        return ""
    url = urlsplit(form.url)
    return f"{url.scheme}://{url.netloc}"
