"""The API function as Lambda runs it: real runtime client, emulated runtime API, real events."""

import base64
import json
import sys

import pytest

from tests.end_to_end.lambda_emulator import SAM_LOCAL, event, function

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the runtime emulator runs only on Linux"
)
HANDLER = "functions.api.handler.handle"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with function(HANDLER, tmp_path_factory.mktemp("api"), **SAM_LOCAL) as started:
        yield started


def body(response: dict) -> dict:
    assert response["isBase64Encoded"] is False
    return json.loads(response["body"])


def test_without_settings_sam_local_uses_a_store_in_memory_and_says_so_in_a_header(api):
    response = api.invoke(event("http-get"))

    assert response["statusCode"] == 200
    assert response["headers"]["x-lookalike-store"] == "memory"
    assert body(response)["model"].startswith("mobilenetv2")


@pytest.mark.parametrize(
    "ping", [event("scheduled"), {"source": "serverless-plugin-warmup"}, {}, None, "warm"]
)
def test_a_ping_that_keeps_the_function_warm_does_not_fail(api, ping):
    assert api.invoke(ping) is None


def test_a_base64_picture_from_the_gateway_is_found_by_binary_and_json_searches(api):
    added = api.invoke(event("http-add-binary"))

    searches = [api.invoke(event(name)) for name in ("http-search-binary", "http-search-json")]

    assert added["statusCode"] in {200, 201}
    assert [body(response)["results"][0]["name"] for response in searches] == ["drawn/one.jpg"] * 2


def test_a_call_of_the_functions_own_address_gets_the_same_response(api):
    gateway = event("http-get")
    host = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws"
    prefix = host.partition(".")[0]
    context = gateway["requestContext"] | {
        "domainName": host,
        "domainPrefix": prefix,
        "apiId": prefix,
        "authentication": None,
        "routeKey": "$default",
    }
    direct = gateway | {"requestContext": context, "headers": gateway["headers"] | {"host": host}}

    responses = [api.invoke(each) for each in (gateway, direct)]

    assert [response["statusCode"] for response in responses] == [200, 200]
    assert body(responses[0])["images"] == body(responses[1])["images"]


def test_a_form_from_the_gateway_is_parsed(api):
    response = api.invoke(event("http-add-form"))

    assert response["statusCode"] == 201
    assert response["headers"]["location"].startswith("/v1/images/")
    assert body(response)["image"]["name"] == "drawn/two.jpg"


def test_a_problem_is_returned_as_text_rather_than_base64(api):
    broken = event("http-search-json") | {"body": "{"}

    response = api.invoke(broken)

    assert (response["statusCode"], body(response)["code"]) == (400, "malformed-body")
    assert response["headers"]["content-type"] == "application/problem+json"


def test_a_body_over_the_gateway_limit_is_refused_with_a_pointer_to_uploads(api):
    large = event("http-add-binary")
    large["body"] = base64.b64encode(bytes(4_500_001)).decode()
    large["headers"]["content-length"] = "4500001"

    response = api.invoke(large)

    assert response["statusCode"] == 413
    assert "4500000" in body(response)["detail"]
    assert "/v1/uploads" in body(response)["detail"]


def test_cross_origin_requests_are_refused_under_sam_local(api):
    cross_origin = event("http-get")
    cross_origin["headers"]["origin"] = "https://elsewhere.example"

    assert api.invoke(cross_origin)["statusCode"] == 403


def test_an_allowed_origin_can_read_even_that_the_store_is_unreachable(tmp_path):
    cross_origin, preflight = event("http-get"), event("http-get")
    cross_origin["headers"]["origin"] = "https://shop.example"
    preflight["requestContext"]["http"]["method"] = "OPTIONS"
    preflight["headers"] |= {
        "origin": "https://shop.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "x-api-key",
    }
    settings = {
        "QDRANT_URL": "http://127.0.0.1:9",  # not reachable
        "LOOKALIKE_ALLOWED_ORIGINS": "https://photos.example,https://shop.example",
    }
    with function(HANDLER, tmp_path, **settings) as api:
        responses = [api.invoke(each) for each in (preflight, cross_origin)]

    assert [response["statusCode"] for response in responses] == [200, 503]
    for response in responses:
        assert response["headers"]["access-control-allow-origin"] == "https://shop.example"


def test_a_deployed_function_without_qdrant_fails_to_start_and_names_the_missing_setting(tmp_path):
    with function(HANDLER, tmp_path) as api:
        response = api.invoke(event("http-get"))

    assert response["errorType"] == "SettingsError"
    assert "QDRANT_URL is not set" in response["errorMessage"]


def test_callers_get_a_503_while_qdrant_is_unreachable(tmp_path):
    with function(HANDLER, tmp_path, QDRANT_URL="http://127.0.0.1:9") as api:
        responses = [api.invoke(event(name)) for name in ("http-get", "http-search-json")]

    assert [response["statusCode"] for response in responses] == [503, 503]
    assert {body(response)["code"] for response in responses} == {"store-unreachable"}


def test_files_are_written_only_to_the_temporary_folder(tmp_path):
    with function(HANDLER, tmp_path, **SAM_LOCAL) as api:
        added = api.invoke(event("http-add-binary"))

    assert added["statusCode"] == 201
    assert list((tmp_path / "task").iterdir()) == []
    assert "lookalike" in [path.name for path in (tmp_path / "tmp").iterdir()]


def test_the_log_is_json_and_warns_about_the_store_in_memory(tmp_path):
    with function(HANDLER, tmp_path, **SAM_LOCAL) as api:
        api.invoke(event("http-get"))

        lines = [json.loads(line) for line in api.log.splitlines() if line.startswith("{")]

    assert [line["level"] for line in lines if "in memory" in line.get("message", "")] == [
        "WARNING"
    ]
