"""The template, as a deployment with two values and as one with everything would have it."""

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
        "UploadOrigins": "https://shop.example,https://photos.example",
    },
}


@pytest.fixture(scope="module", params=VARIANTS)
def transformed(request, tmp_path_factory) -> Path:
    """Give the template as CloudFormation gets it."""
    values = [f"{name}={value}" for name, value in VARIANTS[request.param].items()]
    script = Path(__file__).parent / "transform.py"
    ran = sam_program("python", str(script), str(TEMPLATE), *values)
    assert ran.returncode == 0, ran.stderr
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(ran.stdout)
    return path


@pytest.fixture(scope="module")
def resources(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())["Resources"]
