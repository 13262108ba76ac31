"""schemathesis finds no violation of the OpenAPI document, with or without keys.

This is as much as fits in a CI run; `schemathesis run ADDRESS/openapi.json --checks all` in the
root of the repository tests more.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from scripts.api_examples import KEYS, settings_of
from tests.drawing import jpeg
from tests.end_to_end.server import served

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {
    "category": "keyword",
    "price": "float",
    "stock": "integer",
    "sold": "bool",
    "since": "datetime",
}
KEY = next(key for key, scope in KEYS.items() if scope == "write")
# Each has a thousand combinations of options; only the fuzzing below samples them.
WIDE = ("addImage", "search", "searchBatch", "addImages")


@pytest.fixture(scope="module")
def gallery_served(request, tmp_path_factory):
    """Serve a gallery with the real model and store; yield its address and the key header."""
    keys = request.param == "keys"
    folder = tmp_path_factory.mktemp("data")
    fields = {"lookalike_filter_fields": FIELDS, "lookalike_fetch_urls": "off"}
    base = settings_of(folder).model_copy(update=fields)
    settings = base if keys else Settings(**{**base.model_dump(), "lookalike_api_keys": {}})
    gallery = build_gallery(settings)
    for number in range(6):
        metadata = {"category": "hat" if number % 2 else "shoe", "price": number}
        gallery.add(Submission(lambda n=number: jpeg(n), f"{number}.jpg", metadata))
    with served(gallery, settings) as address:
        yield address, ["--header", f"x-api-key: {KEY}"] if keys else []
    gallery.close()


def run_schemathesis(gallery_served, *options: str) -> None:
    address, header = gallery_served
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    common = ["--checks=all", "--continue-on-failure", "--generation-database=none", "--no-color"]
    result = subprocess.run(
        [*command, *common, *header, *options], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr


@pytest.mark.parametrize("gallery_served", ["keys"], indirect=True)
def test_edge_cases_of_every_option_conform_to_the_document(gallery_served):
    narrow = [f"--exclude-operation-id={id}" for id in WIDE]

    run_schemathesis(gallery_served, "--phases=examples,coverage", *narrow)


@pytest.mark.parametrize("gallery_served", ["keys", "open"], indirect=True)
def test_random_requests_and_sequences_conform_to_the_document(gallery_served):
    run_schemathesis(
        gallery_served, "--phases=examples,fuzzing,stateful", "--max-examples=12", "--seed=4"
    )
