"""A fake AWS over real HTTP on this machine: moto's server in a thread."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto.server import ThreadedMotoServer

ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def cloud() -> Iterator[dict[str, str]]:
    """Start an empty fake AWS; set and yield the environment variables that make boto3 use it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {**ACCOUNT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    inherited = [name for name in os.environ if name.startswith("AWS_")]
    with patch.dict(os.environ, environment):
        for name in inherited:
            if name not in environment:
                del os.environ[name]
        try:
            yield environment
        finally:
            server.stop()
