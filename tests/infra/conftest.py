"""The template as deployed with the two required values, and with every option set."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.reading import TEMPLATE, sam_program

VARIANTS = {
    "two values": {"QdrantUrl": "https://qdrant.example", "QdrantApiKey": "k"},
    "everything": {
        "QdrantUrl": "https://qdrant.example",
        "QdrantApiKey": "k",
        "Canary": "true",
        "WarmFunctions": "2",
        "AlarmEmail": "a@example.org",
        "AllowedOrigins": "https://shop.example,https://photos.example",
        "UploadOrigins": "https://shop.example,https://photos.example",
    },
}


@pytest.fixture(scope="module", params=VARIANTS)
def transformed(request, tmp_path_factory) -> Path:
    """The template as CloudFormation receives it."""
    values = [f"{name}={value}" for name, value in VARIANTS[request.param].items()]
    script = Path(__file__).parent / "transform.py"
    result = sam_program("python", str(script), str(TEMPLATE), *values)
    assert result.returncode == 0, result.stderr
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(result.stdout)
    return path


@pytest.fixture(scope="module")
def resources(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())["Resources"]
