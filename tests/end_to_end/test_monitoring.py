"""What an operator sees of a real server: /metrics and the log."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from functions import __version__
from functions.api.app import create_app
from functions.api.monitoring import monitor
from functions.gallery.errors import StoreNotReached
from functions.gallery.settings import Settings
from tests.drawing import jpeg
from tests.end_to_end.server import free_port, output_until, serving, started

KEYS = {"read": "key-that-reads", "write": "key-that-writes"}
HASHED = ",".join(f"{s}:{hashlib.sha256(k.encode()).hexdigest()}" for s, k in KEYS.items())
READ, WRITE = ({"x-api-key": KEYS[scope]} for scope in ("read", "write"))


@contextmanager
def server(data, **settings) -> Iterator[SimpleNamespace]:
    """Start `serve` and yield a client of it, and its output."""
    port = free_port()
    settings = {"LOOKALIKE_API_KEYS": HASHED, "LOOKALIKE_LOG_LEVEL": "debug"} | settings
    with (
        started("serve", "--port", port, data=data, **settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        output_until("Ctrl-C", process)
        log = partial(output_until, process=process)
        yield SimpleNamespace(http=http, process=process, log_until=log)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("data"), LOOKALIKE_TRUSTED_PROXIES="127.0.0.1") as it:
        yield it


def read_metrics(http, **headers) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = http.get("/metrics", headers=READ | headers).raise_for_status().text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests_in(metrics) -> dict[tuple[str, str, str], float]:
    """Return how many requests each method, route and status had."""
    name = "lookalike_http_request_duration_seconds_count"
    found = {key: dict(labels) for key in metrics for labels in [key[1]] if key[0] == name}
    return {(of["method"], of["route"], of["status"]): metrics[key] for key, of in found.items()}


def last_line(output: str) -> dict[str, str]:
    """Return the fields of a request in the log."""
    line = output.splitlines()[-1]
    return dict(field.split("=", 1) for field in line.split(" request ")[1].split(" "))


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (READ, 200), (WRITE, 200)])
def test_metrics_are_for_those_who_can_read(running, headers, status):
    assert running.http.get("/metrics", headers=headers).status_code == status


def test_metrics_count_pictures_and_name_version_and_model(running):
    running.http.post("/v1/images", content=jpeg(1), headers=WRITE).raise_for_status()
    stats = running.http.get("/v1/stats", headers=READ).json()

    metrics = read_metrics(running.http)

    build = (("model", stats["model"]), ("version", __version__))
    assert metrics["lookalike_pictures", ()] == stats["images"] > 0
    assert metrics["lookalike_build_info", build] == 1
    assert metrics["lookalike_store_up", ()] == 1
    assert metrics["lookalike_index_state", (("state", stats["index"]),)] == 1
    assert metrics["process_resident_memory_bytes", ()] > 10_000_000


def test_requests_are_counted_by_route_and_never_by_what_callers_choose(running):
    http = running.http
    added = http.post("/v1/images?name=secret.jpg", content=jpeg(2), headers=WRITE).json()
    image_id = added["image"]["id"]
    before = requests_in(read_metrics(http))

    for method in ("GET", "HEAD"):
        http.request(method, f"/v1/images/{image_id}", headers=READ).raise_for_status()
    http.get("/v1/images/unknown", headers=READ)
    http.get("/no/such/path")
    http.request("BREW", "/v1/stats")

    metrics = read_metrics(http)
    new = {key: n - before.get(key, 0) for key, n in requests_in(metrics).items()}
    image = "/v1/images/{id}"
    assert {key: n for key, n in new.items() if n} == {
        ("GET", image, "200"): 1,
        ("HEAD", image, "200"): 1,
        ("GET", image, "404"): 1,
        ("GET", "none", "404"): 1,
        ("other", "/v1/stats", "405"): 1,
        ("GET", "/metrics", "200"): 1,
    }
    assert not any(image_id in str(key) or "secret" in str(key) for key in metrics)


def test_prometheus_itself_gets_the_format_it_asks_for(running):
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"

    response = running.http.get("/metrics", headers=READ | {"accept": accept})

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_each_request_is_a_line_with_the_id_that_its_caller_has(running):
    found = running.http.get("/v1/images/unknown", headers=READ)
    request_id = found.headers["x-request-id"]

    fields = last_line(running.log_until(request_id))

    assert fields["id"] == found.json()["request_id"] == request_id
    assert (fields["method"], fields["path"]) == ("GET", "/v1/images/unknown")
    assert (fields["status"], fields["bytes"]) == ("404", str(len(found.content)))
    assert 0 < float(fields["ms"]) < 10_000
    assert fields["client"] == "127.0.0.1"


def test_no_key_and_no_query_is_in_the_log_at_any_level(running):
    wrong = {"x-api-key": "key-that-is-wrong", "authorization": "Bearer key-in-bearer"}
    running.http.post("/v1/images?key=key-in-query", content=jpeg(3), headers=WRITE)
    running.http.get("/v1/stats?token=key-in-query", headers=wrong)
    end = running.http.get("/%0Arequest%20client=forged", headers=READ).headers["x-request-id"]

    log = running.log_until(end)

    assert log.count(" request ") >= 3
    for secret in (*KEYS.values(), "key-that-is-wrong", "key-in-bearer", "key-in-query"):
        assert secret not in log
    assert "client=forged" not in log.replace("path=/%0Arequest%20client=forged", "")


def test_only_a_trusted_proxy_says_whom_it_forwards(running, tmp_path):
    forwarded = {"x-forwarded-for": "203.0.113.9"}
    with server(tmp_path, LOOKALIKE_LOG_LEVEL="info") as untold:
        clients = [
            last_line(each.log_until(response.headers["x-request-id"]))["client"]
            for each in (running, untold)
            for response in [each.http.get("/healthz", headers=forwarded)]
        ]

    assert clients == ["203.0.113.9", "127.0.0.1"]


def test_a_terminal_is_not_filled_with_requests_unless_asked(tmp_path):
    with server(tmp_path, LOOKALIKE_LOG_LEVEL="") as quiet:
        quiet.http.get("/v1/stats")
        quiet.http.get("/readyz").raise_for_status()
        quiet.process.terminate()
        after_the_greeting = quiet.process.stdout.read()

    assert after_the_greeting == ""
    assert quiet.process.wait(10) == 0  # stopped by SIGTERM


def test_metrics_are_served_while_the_store_is_not(rig, monkeypatch):
    def fail() -> None:
        raise StoreNotReached("Qdrant cannot be reached")

    monkeypatch.setattr(rig.store, "check", fail)
    app = create_app(rig.gallery, Settings())
    monitor(app, rig.gallery)

    with serving(app) as address, httpx.Client(base_url=address) as http:
        metrics = read_metrics(http)

    assert metrics["lookalike_store_up", ()] == 0
    assert ("lookalike_pictures", ()) not in metrics
