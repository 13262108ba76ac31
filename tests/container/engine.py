"""The container engine that the tests use, if there is one."""

import os
import socket
from urllib.parse import urlsplit

import pytest

ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
# Where base images cannot be pulled: another one in their place.
BASE_IMAGE = os.environ.get("LOOKALIKE_BASE_IMAGE")


def engine_responds() -> bool:
    address = urlsplit(ENGINE)
    unix = address.scheme == "unix"
    try:
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
            connection.settimeout(5)
            connection.connect(address.path if unix else (address.hostname, address.port))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(100)
    except OSError:
        return False


needs_engine = pytest.mark.skipif(
    not engine_responds(), reason=f"no container engine answers at {ENGINE}; set DOCKER_HOST"
)
