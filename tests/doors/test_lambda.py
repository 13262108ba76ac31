"""The API function as Lambda runs it: its real runtime client under the emulator, real events."""

import base64
import json
import sys

import pytest

from tests.doors.lambda_emulator import SAM_LOCAL, event, function

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the runtime emulator is a program for Linux"
)
HANDLER = "functions.api.handler.handle"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with function(HANDLER, tmp_path_factory.mktemp("api"), **SAM_LOCAL) as started:
        yield started


def body(answer: dict) -> dict:
    assert answer["isBase64Encoded"] is False
    return json.loads(answer["body"])


def test_without_any_configuration_sam_local_gets_an_answer_that_says_it_is_from_memory(api):
    answer = api.invoke(event("http-get"))

    assert answer["statusCode"] == 200
    assert answer["headers"]["x-lookalike-store"] == "memory"
    assert body(answer)["model"].startswith("mobilenetv2")


def test_a_picture_in_base64_from_the_gateway_is_found_again_every_way_it_can_be_asked(api):
    added = api.invoke(event("http-add-binary"))

    found = [api.invoke(event(name)) for name in ("http-search-binary", "http-search-json")]

    assert added["statusCode"] in {200, 201}
    assert [body(answer)["results"][0]["name"] for answer in found] == ["drawn/one.jpg"] * 2


def test_a_form_from_the_gateway_is_taken_apart(api):
    answer = api.invoke(event("http-add-form"))

    assert answer["statusCode"] == 201
    assert answer["headers"]["location"].startswith("/v1/images/")
    assert body(answer)["image"]["name"] == "drawn/two.jpg"


def test_what_is_wrong_is_told_as_a_problem_in_plain_text(api):
    broken = event("http-search-json") | {"body": "{"}

    answer = api.invoke(broken)

    assert (answer["statusCode"], body(answer)["code"]) == (400, "malformed-body")
    assert answer["headers"]["content-type"] == "application/problem+json"


def test_what_the_gateway_would_not_pass_is_refused_with_the_limit_and_the_way_round(api):
    large = event("http-add-binary")
    large["body"] = base64.b64encode(bytes(4_500_001)).decode()
    large["headers"]["content-length"] = "4500001"

    answer = api.invoke(large)

    assert answer["statusCode"] == 413
    assert "4500000" in body(answer)["detail"]
    assert "/v1/uploads" in body(answer)["detail"]


def test_a_web_page_of_another_site_is_refused_under_sam_local(api):
    from_elsewhere = event("http-get")
    from_elsewhere["headers"]["origin"] = "https://elsewhere.example"

    assert api.invoke(from_elsewhere)["statusCode"] == 403


def test_a_deployed_function_without_qdrant_does_not_start_and_says_why(tmp_path):
    with function(HANDLER, tmp_path) as api:
        answer = api.invoke(event("http-get"))

    assert answer["errorType"] == "SettingsError"
    assert "QDRANT_URL is not set" in answer["errorMessage"]


def test_while_qdrant_does_not_answer_the_caller_is_told_so(tmp_path):
    with function(HANDLER, tmp_path, QDRANT_URL="http://127.0.0.1:9") as api:
        answers = [api.invoke(event(name)) for name in ("http-get", "http-search-json")]

    assert [answer["statusCode"] for answer in answers] == [503, 503]
    assert {body(answer)["code"] for answer in answers} == {"store-unreachable"}


def test_only_the_folder_for_temporary_files_is_written_to(tmp_path):
    with function(HANDLER, tmp_path, **SAM_LOCAL) as api:
        added = api.invoke(event("http-add-binary"))

    assert added["statusCode"] == 201
    assert list((tmp_path / "task").iterdir()) == []
    assert "lookalike" in [path.name for path in (tmp_path / "tmp").iterdir()]


def test_the_log_is_json_and_tells_of_the_memory(tmp_path):
    with function(HANDLER, tmp_path, **SAM_LOCAL) as api:
        api.invoke(event("http-get"))

        lines = [json.loads(line) for line in api.log.splitlines() if line.startswith("{")]

    assert [line["level"] for line in lines if "in memory" in line.get("message", "")] == [
        "WARNING"
    ]
