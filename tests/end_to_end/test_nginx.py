"""infra/nginx.conf with the real nginx in front of the real server."""

import hashlib
import json
import os
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.server import ROOT, free_port, output_until, started
from tests.programs import find_program

KEY = "a-key-for-the-test"
KEYS = f"write:{hashlib.sha256(KEY.encode()).hexdigest()}"
# Nothing of it is in the file, which belongs below nginx's own configuration.
MAIN = """{user}
daemon off; error_log stderr; pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/a; uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/c;
    include {file};
}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """Serve a gallery behind nginx; only ports and certificate are others than in the file."""
    nginx, folder = find_program("nginx", package="nginx-light"), tmp_path_factory.mktemp("nginx")
    upstream, plain, secure = free_port(), free_port(), free_port()
    certify(folder)
    text = (ROOT / "infra" / "nginx.conf").read_text()
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{secure} ssl http2;"),
        ("http://127.0.0.1:8000;", f"http://127.0.0.1:{upstream};"),
        ("/etc/letsencrypt/live/pictures.example.org", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "lookalike.conf").write_text(text)
    main = folder / "main.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # others cannot open the folder of a test
    main.write_text(MAIN.format(user=user, folder=folder, file=folder / "lookalike.conf"))
    settings = {"LOOKALIKE_API_KEYS": KEYS, "LOOKALIKE_LOG_LEVEL": "info"}
    settings |= {"LOOKALIKE_TRUSTED_PROXIES": "127.0.0.1"}
    data = tmp_path_factory.mktemp("data")
    with started("serve", "--port", upstream, data=data, **settings) as process:
        output_until("Ctrl-C", process)
        proxy = subprocess.Popen([nginx, "-c", main], stdout=subprocess.DEVNULL)
        address, host = f"https://127.0.0.1:{secure}", {"host": "pictures.example.org"}
        try:
            with httpx.Client(base_url=address, headers=host, verify=False, timeout=60) as http:
                wait(http)
                yield SimpleNamespace(http=http, plain=f"http://127.0.0.1:{plain}", process=process)
        finally:
            proxy.terminate()
            proxy.wait(30)


def certify(folder: Path) -> None:
    subject = ["-subj", "/CN=pictures.example.org", "-days", "1"]
    files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run([*new, "-nodes", *files, *subject], check=True, capture_output=True)


def wait(http: httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            http.get("/healthz").raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def largest_picture() -> bytes:
    """Return a picture of almost 20 MB: noise, which is not compressed."""
    noise = np.random.default_rng(0).integers(0, 256, (2550, 2600, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def test_a_picture_of_the_largest_size_is_added_in_base64(site):
    picture = largest_picture()
    assert 19_500_000 < len(picture) < 20_000_000

    body = json.dumps({"image": b64encode(picture).decode(), "name": "large.png"})
    json_type = {"content-type": "application/json", "x-api-key": KEY}
    added = site.http.post("/v1/images", content=body, headers=json_type)

    assert added.status_code == 201


def test_keys_are_needed_and_passed_on(site):
    refused = site.http.get("/v1/stats")
    answered = site.http.get("/v1/stats", headers={"x-api-key": KEY})

    assert (refused.status_code, answered.status_code) == (401, 200)


def test_the_log_has_the_address_that_nginx_saw_and_not_what_the_client_says(site):
    forged = {"x-forwarded-for": "203.0.113.9"}

    request_id = site.http.get("/healthz", headers=forged).headers["x-request-id"]

    line = output_until(request_id, site.process).splitlines()[-1]
    assert "client=127.0.0.1 " in line


def test_metrics_are_not_for_the_internet_and_plain_http_is_redirected(site):
    metrics = site.http.get("/metrics", headers={"x-api-key": KEY})
    plain = httpx.get(f"{site.plain}/v1/stats?a=b", headers={"host": "pictures.example.org"})

    assert metrics.status_code == 404
    assert plain.status_code == 301
    assert plain.headers["location"] == "https://pictures.example.org/v1/stats?a=b"


def test_too_many_requests_of_one_address_are_refused(site):
    headers = {"x-api-key": "wrong"}
    statuses = [site.http.get("/v1/stats", headers=headers).status_code for _ in range(400)]

    assert statuses[0] == 401
    assert 429 in statuses
