"""The commands for backup and restore in docs/server.md, as they stand there."""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, environment_of, free_port, output_until, run, started

pytestmark = pytest.mark.slow

FIELDS = {"LOOKALIKE_FILTER_FIELDS": "category:keyword"}


def commands(heading: str) -> list[str]:
    """Return the blocks of shell commands below a heading."""
    page = (ROOT / "docs" / "server.md").read_text()
    section = page.partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def shell(block: str, data: Path, backup: Path, restored: Path) -> None:
    variables = {"BACKUP": str(backup), "RESTORED": str(restored)}
    subprocess.run(
        ["sh", "-ec", block],
        env=environment_of(data, **variables, **FIELDS),
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )


@contextmanager
def serving(data: Path) -> Iterator[httpx.Client]:
    port = free_port()
    with (
        started("serve", "--port", port, data=data, **FIELDS) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        output_until("Ctrl-C", process)
        yield http


def add(http: httpx.Client, number: int) -> None:
    query = {"name": f"{number}.jpg", "metadata": f'{{"category": "c{number % 2}"}}'}
    http.post("/v1/images", params=query, content=jpeg(number)).raise_for_status()


def answers(http: httpx.Client) -> tuple[list[list[str]], list[tuple[str, float]]]:
    """Return what a caller gets: every image with its metadata, and a search with a filter."""
    images = http.get("/v1/images?limit=100").json()["images"]
    search = {"id": images[0]["id"], "filter": {"category": "c1"}, "limit": 9}
    found = http.post("/v1/search", json=search).raise_for_status().json()["results"]
    kept = ("id", "name", "metadata", "sha256", "added_at")
    return (
        sorted(([image[each] for each in kept] for image in images), key=str),
        [(match["id"], round(match["score"], 4)) for match in found],
    )


def test_a_stopped_gallery_is_copied_as_it_is(tmp_path):
    data, restored = tmp_path / "data", tmp_path / "restored"
    with serving(data) as http:
        for number in range(6):
            add(http, number)
        before = answers(http)
    copy, restore = commands("Stopped")

    shell(copy, data, tmp_path / "backup.tar", restored)
    shell(restore, data, tmp_path / "backup.tar", restored)

    with serving(restored) as http:
        assert answers(http) == before
    assert (tmp_path / "backup.tar").stat().st_size < 20_000_000  # the index has holes


def test_a_gallery_that_is_written_to_is_copied_without_its_index(tmp_path):
    data, restored = tmp_path / "data", tmp_path / "restored"
    copy, restore = commands("While it serves")
    with serving(data) as http:
        for number in range(6):
            add(http, number)
        before = answers(http)
        writing = threading.Thread(target=lambda: [add(http, n) for n in range(6, 30)])
        writing.start()
        shell(copy, data, tmp_path / "backup.tar", restored)
        writing.join()

    shell(restore, data, tmp_path / "backup.tar", restored)

    assert run("reconcile", "--dry-run", data=restored, **FIELDS).returncode == 0
    with serving(restored) as http:
        images, found = answers(http)
        assert all(image in images for image in before[0])
        assert all(f"c{int(i[1].split('.')[0]) % 2}" == i[2]["category"] for i in images)
        assert {match[0] for match in before[1]} <= {match[0] for match in found}
