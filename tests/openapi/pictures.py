"""Teach schemathesis what a schema cannot express: which bytes are a picture; and vectors.

Loaded by schemathesis.toml. Without it schemathesis sends any bytes as pictures and reports the
correct response, 415 or 422, as a refusal of valid data, and it cannot draw 1,280 numbers in time.
Depends only on schemathesis and Pillow.
"""

import base64
import io

import schemathesis
from hypothesis import strategies as st
from PIL import Image


def picture(width: int, height: int, colour: int, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, kind)
    return buffer.getvalue()


def pictures(*kinds: str) -> st.SearchStrategy[bytes]:
    sides = st.integers(1, 24)
    return st.builds(picture, sides, sides, st.integers(0, 0xFFFFFF), st.sampled_from(kinds))


for kind in ("PNG", "JPEG", "WEBP", "GIF"):
    schemathesis.openapi.media_type(f"image/{kind.lower()}", pictures(kind))
schemathesis.openapi.media_type("application/octet-stream", pictures("PNG", "JPEG", "WEBP", "GIF"))
in_base64 = pictures("PNG", "JPEG", "WEBP", "GIF").map(lambda data: base64.b64encode(data).decode())
schemathesis.openapi.format("picture", in_base64)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Replace each vector by a few, all of the right width."""
    for component in raw_schema["components"]["schemas"].values():
        described = component.get("properties", {}).get("vector", {})
        for schema in (described, *described.get("anyOf", ())):
            if "minItems" in schema:  # a batch takes any, and refuses wrong ones alone
                dims = schema["minItems"]
                schema["enum"] = [[float(n == one) for n in range(dims)] for one in (0, 1)]
