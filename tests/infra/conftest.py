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
        "BackfillConcurrency": "100",
        "AlarmEmail": "a@example.org",
        "Dashboard": "true",
        "AllowedOrigins": "https://shop.example,https://photos.example",
        "UploadOrigins": "https://shop.example,https://photos.example",
    },
    "a place of one's own": {
        "QdrantUrl": "http://10.0.0.7:6333",
        "ExistingBucket": "photos",
        "BucketKmsKey": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
        "VpcSubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d",
        "VpcSecurityGroupIds": "sg-0a1b2c3d",
        "DomainName": "pictures.shop.example",
        "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd",
        "RootPath": "lookalike",
        "Architecture": "arm64",
    },
}


@pytest.fixture(scope="session", params=VARIANTS)
def transformed(request, tmp_path_factory) -> Path:
    """The template as CloudFormation receives it."""
    (template,) = transform([VARIANTS[request.param]])
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(json.dumps(template, indent=1))
    return path


@pytest.fixture(scope="session")
def resources(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())["Resources"]
