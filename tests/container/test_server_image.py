"""The image of infra/Dockerfile.server, started as infra/compose.yaml says."""

import hashlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.container.compose import run_options, service
from tests.container.engine import BASE_IMAGE, needs_engine
from tests.drawing import jpeg
from tests.end_to_end.server import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/lookalike:test"
KEY = "a-key"
KEYS = {"LOOKALIKE_API_KEYS": "admin:" + hashlib.sha256(KEY.encode()).hexdigest()}
pytestmark = [needs_engine, pytest.mark.slow]


def docker(*arguments: str, fails: bool = False) -> str:
    """Run the engine's client and return what it and the container print."""
    result = subprocess.run(
        ["docker", *arguments], stdout=-1, stderr=-2, text=True, timeout=300, check=False
    )
    assert (result.returncode != 0) == fails, result.stdout
    return result.stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    base = ["--build-arg", f"BASE_IMAGE={BASE_IMAGE}"] if BASE_IMAGE else []
    docker("build", *base, "--file", str(ROOT / "infra/Dockerfile.server"), "-t", IMAGE, str(ROOT))
    return IMAGE


class Server:
    """The service `lookalike` of the file, in a container and a volume of its own."""

    def __init__(self, image: str) -> None:
        self.name = f"lookalike-test-{uuid.uuid4().hex[:8]}"
        port = free_port()
        options = service("lookalike", KEYS | {"LOOKALIKE_PORT": str(port)})
        self.options = run_options(options, {"data": self.name})
        docker("run", "--detach", "--name", self.name, *self.options, image)
        self.address = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(
            base_url=self.address, headers={"x-api-key": KEY}, timeout=30, trust_env=False
        )

    def wait(self) -> None:
        wait_for(self.address)

    def inside(self, *command: str, fails: bool = False) -> str:
        return docker("exec", self.name, *command, fails=fails)

    def remove(self) -> None:
        self.http.close()
        docker("rm", "--force", self.name)
        docker("volume", "rm", self.name)


@pytest.fixture(scope="module")
def server(image) -> Iterator[Server]:
    server = Server(image)
    try:
        server.wait()
        yield server
    finally:
        server.remove()


def run_once(*arguments: str) -> tuple[int, str]:
    """Run a container to its end and return its exit code and output.

    Without --rm, with which Docker's client reports 0 for every container of a Podman server.
    """
    name = f"lookalike-test-{uuid.uuid4().hex[:8]}"
    docker("create", "--name", name, *arguments)
    try:
        docker("start", name)
        return int(docker("wait", name)), docker("logs", name)
    finally:
        docker("rm", "--force", name)


def test_a_picture_is_found_also_after_a_restart(server):
    added = server.http.post("/v1/images?name=one.jpg", content=jpeg(1)).raise_for_status()

    docker("restart", "--time", "30", server.name)
    server.wait()
    found = server.http.post("/v1/search", content=jpeg(1)).raise_for_status().json()

    assert found["results"][0]["id"] == added.json()["image"]["id"]


def test_it_stops_in_time_and_imports_a_folder_while_it_is_stopped(server, image, tmp_path):
    (tmp_path / "two.jpg").write_bytes(jpeg(2))
    tmp_path.chmod(0o755)
    before = server.http.get("/v1/stats").json()["images"]

    start = time.monotonic()
    docker("stop", "--time", "30", server.name)
    took_s = time.monotonic() - start
    exit_code = docker("inspect", "--format", "{{.State.ExitCode}}", server.name)
    no_port = [o for o in server.options if o != "--publish" and not o.startswith("127.0.0.1:")]
    mount = ["--volume", f"{tmp_path}:/pictures:ro"]
    imported, _ = run_once(*no_port, *mount, image, "import", "/pictures")
    docker("start", server.name)
    server.wait()

    assert (exit_code, imported) == ("0", 0)
    assert took_s < 15
    assert server.http.get("/v1/stats").json()["images"] == before + 1


def test_nothing_but_the_gallery_can_be_written_and_nobody_is_root(server):
    status = server.inside("cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert set(fields["Uid"].split()) == {"10001"}
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert "Read-only" in server.inside("touch", "/opt/lookalike/x", fails=True)
    assert "Read-only" in server.inside("touch", "/usr/local/x", fails=True)
    server.inside("touch", "/data/x", "/tmp/x")


def test_metrics_and_log_are_there_and_need_the_key(server):
    metrics = server.http.get("/metrics")
    anyone = httpx.get(f"{server.address}/metrics", trust_env=False)
    log = docker("logs", server.name)

    assert "lookalike_pictures" in metrics.text
    assert anyone.status_code == 401
    assert anyone.headers["x-request-id"] in log
    assert KEY not in log


def test_the_health_check_passes_only_while_it_serves(server, image):
    found = docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", server.name)
    kind, *command = json.loads(found)

    server.inside(*command)
    without_server, _ = run_once("--entrypoint", command[0], image, *command[1:])

    assert kind == "CMD"  # without a shell
    assert without_server == 1


def test_without_keys_it_does_not_start(image):
    exit_code, output = run_once(image)

    assert exit_code == 2
    assert "set LOOKALIKE_API_KEYS (see lookalike key)" in output


def test_the_image_makes_keys(image):
    exit_code, output = run_once(image, "key", "admin")

    assert exit_code == 0
    assert "admin:" in output
