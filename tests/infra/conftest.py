"""The template as deployed with the two required values, and with every option set."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.reading import transform

VARIANTS = {
    "two values": {"QdrantUrl": "https://qdrant.example", "QdrantApiKey": "k"},
    "everything": {
        "QdrantUrl": "https://qdrant.example",
        "QdrantApiKey": "k",
        "Canary": "true",
        "WarmFunctions": "2",
        "AlarmEmail": "a@example.org",
        "Dashboard": "true",
        "AllowedOrigins": "https://shop.example,https://photos.example",
        "UploadOrigins": "https://shop.example,https://photos.example",
    },
}


@pytest.fixture(scope="module", params=VARIANTS)
def transformed(request, tmp_path_factory) -> Path:
    """The template as CloudFormation receives it."""
    (template,) = transform([VARIANTS[request.param]])
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(json.dumps(template, indent=1))
    return path


@pytest.fixture(scope="module")
def resources(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())["Resources"]
