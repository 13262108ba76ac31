"""A Qdrant key that is replaced while processes use it, with a server that refuses old keys."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.gallery.bootstrap import build_gallery
from functions.gallery.errors import SettingsError, StoreDenied
from functions.gallery.settings import Settings
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.key import ServerKey
from scripts.bench.starting.stand_in import Collections, envelope, serve


@dataclass
class Server:
    """A Qdrant server whose key can be replaced."""

    key: str = "first"
    address: str = ""
    received: list[str] = field(default_factory=list)
    collections: Collections = field(default_factory=Collections)

    def respond(self, request: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        self.received.append(request.headers["api-key"])
        if request.headers["api-key"] != self.key:
            return 403, {"status": {"error": "Forbidden"}, "time": 0.0}, {}
        path = [part for part in request.path.partition("?")[0].split("/") if part]
        result = self.collections.answer(request.command, path, json.loads(body or b"{}"))
        status = 404 if result is None else 200
        return status, envelope(path, result), {}


@pytest.fixture
def server():
    server = Server()
    with serve(server.respond) as address:
        server.address = f"http://{address}"
        yield server


@pytest.fixture
def secret(monkeypatch):
    """Yield a function that replaces the value of a secret, whose ARN is its attribute."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        client = boto3.client("secretsmanager")
        arn = client.create_secret(Name="qdrant", SecretString="first")["ARN"]

        def replace(value: str) -> None:
            client.put_secret_value(SecretId=arn, SecretString=value)

        replace.arn = arn
        yield replace


@pytest.fixture
def gallery(server, secret, tmp_path):
    settings = Settings(
        qdrant_url=server.address,
        qdrant_api_key_secret_arn=secret.arn,
        lookalike_data=tmp_path,
    )
    with closing(build_gallery(settings)) as gallery:
        yield gallery


def test_a_replaced_key_is_used_as_soon_as_the_server_refuses_the_old_one(server, secret, gallery):
    secret("second")
    server.key = "second"
    server.received.clear()

    gallery.check()

    assert server.received == ["first", "second"]


def test_a_key_that_is_still_accepted_is_kept(server, secret, gallery):
    secret("second")
    server.received.clear()

    gallery.check()

    assert server.received == ["first"]


def test_a_server_that_refuses_the_new_key_too_is_reported(server, secret, gallery):
    secret("second")
    server.key = "third"

    with pytest.raises(StoreDenied):
        gallery.check()


def test_a_secret_that_is_gone_is_reported_with_its_setting(server, secret, gallery):
    boto3.client("secretsmanager").delete_secret(
        SecretId=secret.arn, ForceDeleteWithoutRecovery=True
    )
    server.key = "second"

    with pytest.raises(SettingsError, match="QDRANT_API_KEY_SECRET_ARN"):
        gallery.check()


def test_a_key_that_is_refused_every_time_is_read_again_twice_a_minute():
    now, read = 0.0, []
    key = ServerKey(lambda: read.append(now) or "read-only", clock=lambda: now)
    for second in range(100):
        now = float(second)
        assert not key.renew("read-only")

    assert read == [0.0, 0.0, 30.0, 60.0, 90.0]


def test_many_threads_that_are_refused_together_read_the_key_once(server):
    read = []

    def read_key() -> str:
        read.append(server.key)
        return server.key

    connection = QdrantConnection.to(server.address, read_key)
    server.key = "second"
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(connection.call, connection.client.get_aliases) for _ in range(16)]
        for call in calls:
            call.result()
    connection.close()

    assert read == ["first", "second"]


def test_a_key_that_is_a_text_is_never_replaced(server):
    connection = QdrantConnection.to(server.address, "first")
    server.key = "second"

    with pytest.raises(StoreDenied):
        connection.call(connection.client.get_aliases)
    connection.close()

    assert server.received == ["first"]
