"""Serve the page and /docs, from the files in page/, under a strict policy. Depends on HTTP.

The page is one file, so that it loads with one call: made with the image, or else when it is first
asked for. The paths of other files contain a version, a hash of everything, so that browsers cache
them for good and never mix two releases. Only `/` and /docs are requested every time. /docs shows
/openapi.json with Swagger UI, whose files are read from an installed package.
"""

import base64
import gzip
import hashlib
import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from functions.gallery.errors import LookalikeError
from functions.gallery.pictures import formats

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "page"
_BUILT = Path(__file__).parents[1] / "built" / "page.html"  # written by infra/Dockerfile
_INLINE = re.compile(rb"<(script|style)\b[^>]*>(.+?)</\1>", re.DOTALL)
_FILES = ("docs.js", "icon.svg")  # not in a page
_SWAGGER_UI = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@router.get("/")
def page(request: Request) -> Response:
    """Return the page."""
    bucket = _bucket_origin(request)
    policy = _policy(bucket, bucket, **_inline_sources())
    only_text = "require-trusted-types-for 'script'; trusted-types 'none'"
    return _respond_page(request, "index.html", f"{policy}; {only_text}")


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the documentation of the API.

    Swagger UI has icons as data: in its style sheet and writes HTML, which it cleans; the policy of
    the page forbids both.
    """
    return _respond_page(request, "docs.html", _policy(images="data:"))


@router.get("/docs/{name}")
def docs_file(name: str, request: Request) -> Response:
    """Return one file of Swagger UI."""
    path = _swagger_ui() / name if name in _SWAGGER_UI else None
    return _respond(request, path, {"Cache-Control": "no-cache"})


@router.get("/page/{version}/{name}")
def page_file(version: str, name: str, request: Request) -> Response:
    """Return one file of a page; for an older version it is today's file."""
    is_current = version == _version()
    age = "public, max-age=31536000, immutable" if is_current else "no-cache"
    path = _FOLDER / name if name in _FILES else None
    return _respond(request, path, {"Cache-Control": age})


def _respond_page(request: Request, name: str, policy: str) -> Response:
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
    }
    return _respond(request, _FOLDER / name, headers)


def _respond(request: Request, path: Path | None, headers: dict[str, str]) -> Response:
    if path is None:
        return Response("There is no such file", 404, media_type="text/plain")
    gallery = getattr(request.app.state, "gallery", None)
    data, compressed, etag = _content(path, gallery is not None and gallery.in_place)
    headers |= {"ETag": etag, "Vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = compressed
    return Response(data, headers=headers, media_type=_MEDIA_TYPES[path.suffix])


@cache
def _version() -> str:
    others = ((_FOLDER / name).read_bytes() for name in (*_FILES, "docs.html"))
    return hashlib.sha256(b"".join((_single_page(), *others))).hexdigest()[:12]


@cache
def _swagger_ui() -> Path:
    # Not imported: only its files are used.
    return Path(str(distribution("fastapi-offline").locate_file("fastapi_offline/static")))


@cache
def _content(path: Path, in_place: bool = False) -> tuple[bytes, bytes, str]:
    """Return a file, the same compressed, and its etag."""
    data = _single_page() if path.name == "index.html" else path.read_bytes()
    if path.suffix == ".html":
        if in_place:  # here, so that the page offers nothing that it takes back a moment later
            data = data.replace(b"<html ", b"<html data-in-place ", 1)
        data = data.replace(b"{version}", _version().encode())
        data = data.replace(b"{file-types}", ",".join(formats.file_types()).encode())
    etag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'  # weak: the same for both encodings
    return data, gzip.compress(data, mtime=0), etag


@cache
def _single_page() -> bytes:
    if _BUILT.is_file():
        return _BUILT.read_bytes()
    from functions.api.routes.single_file import single_page  # the image has no need of it

    return single_page(_FOLDER).encode()


@cache
def _inline_sources() -> dict[str, str]:
    """Return the sources of the page's own scripts and styles: their hashes, and nothing else."""
    sources: dict[str, str] = {}
    for kind, text in _INLINE.findall(_content(_FOLDER / "index.html")[0]):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        sources[f"{kind.decode()}s"] = f"{sources.get(f'{kind.decode()}s', '')} 'sha256-{digest}'"
    return sources


def _policy(
    images: str = "", calls: str = "", *, scripts: str = "'self'", styles: str = "'self'"
) -> str:
    """Allow this origin's own files and requests, and these other sources.

    Pictures are also displayed from memory (blob:): a query before it is sent, and all thumbnails
    if fetching them needs a key.
    """
    rules = {
        "default-src": "'none'",
        "script-src": scripts.strip(),
        "style-src": styles.strip(),
        "img-src": f"'self' blob: {images}",
        "connect-src": f"'self' {calls}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
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
