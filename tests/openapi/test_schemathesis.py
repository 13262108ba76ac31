"""schemathesis finds nothing: the application conforms to its document, with keys and without.

As much as fits a CI run; `schemathesis run ADDRESS/openapi.json --checks all` in the root of the
repository tests more.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from scripts.api_examples import KEYS, settings_of
from tests.doors.server import served
from tests.drawing import jpeg

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {
    "category": "keyword",
    "price": "float",
    "stock": "integer",
    "sold": "bool",
    "since": "datetime",
}
KEY = next(key for key, scope in KEYS.items() if scope == "write")
# A thousand combinations of options each; the fuzzing below goes through them at random.
WIDE = ("addImage", "search", "searchBatch", "addImages")


@pytest.fixture(scope="module")
def gallery_served(request, tmp_path_factory):
    """Serve a gallery with the real model and store; yields its address and the key header."""
    keys = request.param == "keys"
    folder = tmp_path_factory.mktemp("data")
    fields = {"lookalike_filter_fields": FIELDS, "lookalike_fetch_urls": "off"}
    own = settings_of(folder).model_copy(update=fields)
    settings = own if keys else Settings(**{**own.model_dump(), "lookalike_api_keys": {}})
    gallery = build_gallery(settings)
    for number in range(6):
        metadata = {"category": "hat" if number % 2 else "shoe", "price": number}
        gallery.add(Submission(lambda n=number: jpeg(n), f"{number}.jpg", metadata))
    with served(gallery, settings) as address:
        yield address, ["--header", f"x-api-key: {KEY}"] if keys else []
    gallery.close()


def find(gallery_served, *options: str) -> None:
    address, header = gallery_served
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    always = ["--checks=all", "--continue-on-failure", "--generation-database=none", "--no-color"]
    done = subprocess.run(
        [*command, *always, *header, *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


@pytest.mark.parametrize("gallery_served", ["keys"], indirect=True)
def test_every_edge_of_every_option_is_answered_as_described(gallery_served):
    narrow = [f"--exclude-operation-id={id}" for id in WIDE]

    find(gallery_served, "--phases=examples,coverage", *narrow)


@pytest.mark.parametrize("gallery_served", ["keys", "open"], indirect=True)
def test_random_requests_and_their_sequences_are_answered_as_described(gallery_served):
    find(gallery_served, "--phases=examples,fuzzing,stateful", "--max-examples=12", "--seed=4")
