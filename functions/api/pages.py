"""Serves the page: the files in page/, as they are, under a strict policy. Knows HTTP.

The files stand under a version, a hash of all of them, so that a browser may keep them for good and
never mixes two releases; only `/`, which names the version, is asked for again.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from functions.gallery.errors import LookalikeError

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "page"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_READ = ["GET", "HEAD"]


@router.api_route("/", methods=_READ)
def page(request: Request) -> Response:
    """Show the page."""
    elsewhere = _bucket_origin(request)
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _policy(elsewhere),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
    }
    return _answer(request, "index.html", headers)


@router.api_route("/page/{version}/{name}", methods=_READ)
def page_file(version: str, name: str, request: Request) -> Response:
    """Give one file of the page; a browser that asks by an older version gets today's."""
    keep = _FOR_GOOD if version == _version() else "no-cache"
    return _answer(request, name, {"Cache-Control": keep})


def _answer(request: Request, name: str, headers: dict[str, str]) -> Response:
    if name not in _names():
        return Response("There is no such file", 404, media_type="text/plain")
    data, packed, etag = _content(name)
    headers |= {"ETag": etag, "Vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = packed
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
    """Give a file, the same packed, and its etag."""
    data = (_FOLDER / name).read_bytes()
    if name == "index.html":
        data = data.replace(b"{version}", _version().encode())
    etag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'  # weak: packed or not, it is the same
    return data, gzip.compress(data, mtime=0), etag


def _policy(elsewhere: str) -> str:
    """Allow this origin's own files and calls, and those of the bucket where there is one.

    Pictures are also shown from memory (blob:): a query before it is sent, and every thumbnail
    when a key is needed to fetch it.
    """
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' blob: {elsewhere}",
        "connect-src": f"'self' {elsewhere}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{rule} {allowed}".strip() for rule, allowed in rules.items())


def _bucket_origin(request: Request) -> str:
    """Name the place of signed forms and links; empty where the pictures lie in a folder."""
    gallery = getattr(request.app.state, "gallery", None)
    try:
        form = gallery and gallery.view.form("page", "image/jpeg")
    except LookalikeError:
        return ""  # the page opens all the same, and says what is wrong when it matters
    if not form:
        return ""
    place = urlsplit(form.url)
    return f"{place.scheme}://{place.netloc}"
