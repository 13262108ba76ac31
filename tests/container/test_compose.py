"""infra/compose.yaml as Compose reads it: Docker's, or podman-compose where that is missing."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.container.compose import FILE
from tests.container.engine import BASE_IMAGE, needs_engine
from tests.drawing import jpeg
from tests.end_to_end.server import free_port

pytestmark = [needs_engine, pytest.mark.slow]

PROJECT = f"lookalike-test-{os.getpid()}"
KEY = "a-key"
SETTINGS = {"LOOKALIKE_API_KEYS": "admin:" + hashlib.sha256(KEY.encode()).hexdigest()}
HAS_COMPOSE = subprocess.call(["docker", "compose", "version"], stdout=-3, stderr=-3) == 0
COMPOSE = ["docker", "compose"] if HAS_COMPOSE else [sys.executable, "-m", "podman_compose"]


def compose(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOOKALIKE_", "QDRANT_"))}
    return subprocess.run(
        [*COMPOSE, "--project-name", PROJECT, "--file", file, *arguments],
        env=kept | {"BUILDAH_FORMAT": "docker"},  # Podman's own format has no health checks
        capture_output=True,
        text=True,
        timeout=300,
    )


@dataclass(frozen=True)
class Project:
    """The services of the file, with a port, an image and a .env of their own."""

    file: Path
    http: httpx.Client

    def run(self, *arguments: str) -> str:
        done = compose(self.file, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.run("up", "--detach", "--no-build")
        deadline = time.monotonic() + 60
        while True:
            try:
                self.http.get("/readyz").raise_for_status()
                return
            except httpx.HTTPError:
                assert time.monotonic() < deadline, self.run("logs")
                time.sleep(0.2)

    def state(self) -> list[tuple[str, float]]:
        found = self.http.post("/v1/search", content=jpeg(1)).raise_for_status().json()
        return [(result["name"], result["score"]) for result in found["results"]]


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    file, port = tmp_path / FILE.name, free_port()
    text = FILE.read_text()
    for old, new in (
        ("context: ..", f"context: {FILE.parents[1]}"),
        ("image: localhost/lookalike\n", f"image: localhost/{PROJECT}\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    settings = SETTINGS | {"LOOKALIKE_PORT": str(port), "LOOKALIKE_DIMS": "64"}
    (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
    address, key = f"http://127.0.0.1:{port}", {"x-api-key": KEY}
    with httpx.Client(base_url=address, headers=key, timeout=30, trust_env=False) as http:
        project = Project(file, http)
        try:
            yield project
        finally:
            project.run("down", "--volumes")
            subprocess.call(["docker", "rmi", "--force", f"localhost/{PROJECT}"], stdout=-3)


def test_what_compose_starts_has_its_settings_and_keeps_its_pictures(project):
    base = ["--build-arg", f"BASE_IMAGE={BASE_IMAGE}"] if BASE_IMAGE else []
    project.run("build", *base)
    project.start()
    for number in range(3):
        options = {"name": f"{number}.jpg"}
        project.http.post("/v1/images", params=options, content=jpeg(number)).raise_for_status()
    before = project.state()

    project.run("down")
    project.start()  # a new container on the old volume, as after an upgrade

    assert project.state() == before
    assert before[0] == ("1.jpg", 1.0)
    assert project.http.get("/v1/stats").json()["dims"] == 64  # from .env


def test_without_keys_compose_says_where_they_go(tmp_path):
    file = tmp_path / FILE.name
    file.write_text(FILE.read_text())

    done = compose(file, "config")

    assert done.returncode != 0
    assert "infra/.env" in done.stdout + done.stderr
