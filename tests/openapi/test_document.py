"""The OpenAPI document is complete, correct, and the same in docs/ as in the application."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from functions.api.app import create_app
from functions.api.errors import statuses
from functions.api.openapi.document import document
from functions.api.openapi.operations import OPERATIONS
from functions.gallery.embedding.card import read_card
from functions.gallery.gallery import Gallery
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from scripts.api_examples import FIELDS, KEYS, add_responses, record, settings_of
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

ROOT = Path(__file__).resolve().parents[2]
STALE = "run scripts/openapi"
CHANGING = {"request_id", "X-Amz-Date", "policy", "X-Amz-Signature"}


def app_of(folder: Path, fields: dict[str, str] = FIELDS, **more: Any) -> Any:
    """Return the application that the document describes, built on fakes."""
    embedder = FakeEmbedder()
    dims = read_card(ROOT / "model").dims  # as in the document
    spec = CollectionSpec(embedder.card.id, dims, fields=fields)
    gallery = Gallery(spec, Limits(), embedder, FakeStore(spec), FakeOriginals())
    return create_app(gallery, settings_of(folder).model_copy(update=more))


@cache
def documented() -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "openapi.json").read_text())


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in documented()["paths"].values()
        for operation in path.values()
    }


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = documented()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def examples() -> list[Any]:
    """Return every example in the document with its schema."""
    found = []
    for id, operation in operations().items():
        parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for part, description in parts.items():
            for media_type, content in description.get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    named = f"{id} {part} {media_type} {name}"
                    value = resolved(example)["value"]
                    found.append(pytest.param(content["schema"], value, id=named))
    return found


def shape(value: Any) -> Any:
    """Return the structure of a response without its values."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if name not in CHANGING}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return "number" if isinstance(value, int | float) else type(value).__name__


def recorded() -> dict[str, Any]:
    """Return the responses recorded in the document by operation id, status and name."""
    found: dict[str, Any] = {}
    for id, operation in operations().items():
        for status, response in operation["responses"].items():
            examples = response.get("content", {}).get("application/json", {}).get("examples", {})
            for name, example in examples.items():
                named = found.setdefault(id, {}).setdefault(status, {})
                named[name] = example["value"]
    return found


def test_the_docs_contain_the_document_that_the_application_serves(tmp_path):
    assert add_responses(app_of(tmp_path).openapi(), recorded()) == documented(), STALE


def test_the_document_is_valid_openapi():
    validate(documented())


@pytest.mark.parametrize(("schema", "value"), examples())
def test_every_example_matches_its_schema(schema, value):
    full_schema = {"$ref": "#/there", "there": schema, "components": documented()["components"]}

    Draft202012Validator(full_schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        value
    )


def test_the_examples_match_the_responses_of_the_application(tmp_path):
    assert shape(record(tmp_path)) == shape(recorded()), STALE


def test_the_document_and_the_operations_table_list_the_same_operations():
    assert operations().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("id", sorted(operations()))
def test_every_response_has_an_example_a_status_and_headers(id):
    for status, response in operations()[id]["responses"].items():
        assert status.isdigit()
        assert "x-request-id" in response["headers"]
        for media_type, content in response.get("content", {}).items():
            if not media_type.startswith("image/"):
                assert content["examples"], (id, status)


@pytest.mark.parametrize("id", sorted(operations()))
def test_every_operation_has_a_description_and_every_json_body_an_example(id):
    operation = operations()[id]

    assert operation["summary"] and operation["description"] and operation["tags"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    assert body is None or body["examples"]


def test_every_problem_is_listed_under_its_own_status():
    for operation in operations().values():
        for status, response in operation["responses"].items():
            problems = response.get("content", {}).get("application/problem+json", {})
            for code in problems.get("examples", {}):
                assert (int(status), resolved(problems["examples"][code])["value"]["code"]) == (
                    statuses()[code],
                    code,
                )


def test_a_key_is_required_only_if_the_gallery_has_keys(tmp_path):
    with_keys = app_of(tmp_path).openapi()["paths"]["/v1/stats"]["get"]
    without_keys = document(app_of(tmp_path, lookalike_api_keys={}))["paths"]["/v1/stats"]["get"]

    assert set(KEYS.values()) == {"read", "write"}
    assert with_keys["security"] == [{"ApiKey": ["read"]}]
    assert without_keys["security"] == [{}, {"ApiKey": ["read"]}]


def test_health_checks_need_no_key(tmp_path):
    paths = app_of(tmp_path).openapi()["paths"]

    assert [paths[path]["get"]["security"] for path in ("/healthz", "/readyz")] == [[], []]


@pytest.mark.parametrize(
    ("setting", "accepts_http"), [("https", False), ("http", True)], ids=["https", "http"]
)
def test_urls_have_the_schemes_that_the_setting_allows(tmp_path, setting, accepts_http):
    schemas = document(app_of(tmp_path, lookalike_fetch_urls=setting))["components"]["schemas"]

    for schema in (schemas["SearchByUrl"], schemas["AddByUrl"], schemas["ExampleByUrl"]):
        validator = Draft202012Validator(schema["properties"]["url"])
        assert validator.is_valid("https://shop.example/a.jpg")
        assert validator.is_valid("http://shop.example/a.jpg") == accepts_http


def test_no_response_asks_a_client_to_retry_at_once(tmp_path):
    headers = app_of(tmp_path).openapi()["components"]["headers"]

    assert headers["Retry-After"]["schema"]["minimum"] == 1


def test_filters_metadata_and_sorting_follow_the_declared_fields(tmp_path):
    schemas = document(app_of(tmp_path, {"shelf": "integer"}))["components"]["schemas"]

    assert "shelf" in schemas["Filter"]["properties"]
    assert "price" not in schemas["Filter"]["properties"]
    assert "-shelf" in sort_orders(document(app_of(tmp_path, {"shelf": "integer"})))
    assert "-shelf" not in sort_orders(documented())


def sort_orders(openapi: dict[str, Any]) -> list[str]:
    return openapi["components"]["schemas"]["Order"]["enum"]


def test_the_document_offers_no_urls_if_fetching_is_off(tmp_path):
    without_urls = document(app_of(tmp_path, lookalike_fetch_urls="off"))

    assert "SearchByUrl" in documented()["components"]["schemas"]
    assert '"url"' not in json.dumps(without_urls["components"]["schemas"]["SearchRequest"])
    assert "SearchByUrl" not in without_urls["components"]["schemas"]


def test_a_cold_start_does_not_load_the_document():
    script = "import functions.api.app, sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert [name for name in loaded.split() if name.startswith("functions.api.openapi")] == []
