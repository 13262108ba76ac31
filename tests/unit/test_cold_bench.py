"""The cold-start benchmark runs handlers under Lambda's runtime client."""

import sys

import pytest

from scripts.bench.starting.function import start

HELLO = "scripts.bench.starting.hello.handle"


@pytest.fixture
def event():
    http = {"method": "POST", "path": "/v1/search", "sourceIp": "203.0.113.7"}
    return {"version": "2.0", "headers": {}, "requestContext": {"http": http}}


def test_a_function_answers_every_event_and_its_cpu_time_is_measured(event):
    with start(HELLO, sys.executable, {}) as function:
        responses = [function.invoke(event) for _ in range(2)]
        cpu_ms = function.processor_ms()

    assert [response["statusCode"] for response in responses] == [200, 200]
    assert cpu_ms > 50


def test_a_handler_that_cannot_be_imported_is_reported(event):
    with start("no.such.handler", sys.executable, {}) as function:
        assert "no.such" in function.invoke(event)["errorMessage"]
