"""A changed parameter is in use when the deployment ends, and a deployment never fails for one."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.infra.cloudformation import Stack
from tests.infra.reading import transform

GIVEN = {
    "QdrantUrl": "https://qdrant.example",
    "QdrantApiKey": "key",
    # These have an effect only together.
    "VpcSubnetIds": "subnet-0a1b2c3d",
    "VpcSecurityGroupIds": "sg-0a1b2c3d",
    "DomainName": "pictures.shop.example",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd",
}
pytestmark = pytest.mark.slow  # fifty transformations
MODES = {
    "by the function": {},
    "by canaries": {"Canary": "true"},
    "by warm functions": {"WarmFunctions": "2"},
}
CHOOSE_THE_MODE = {"Canary", "WarmFunctions"}
# For what has no other AllowedValues and is no number.
OTHER_TEXTS = {"QdrantApiKey": "none", "ReconcileSchedule": "rate(7 days)"}


@cache
def parameters() -> dict[str, Any]:
    (template,) = transform([{}])
    return dict(template["Parameters"])


def other_value(name: str) -> str:
    """Return a value that is neither the default nor in GIVEN."""
    parameter, used = parameters()[name], GIVEN.get(name)
    default = str(parameter.get("Default", ""))
    allowed = [str(each) for each in parameter.get("AllowedValues", [])]
    others = [each for each in allowed if each not in (default, used)]
    if others:
        return others[0]
    if parameter["Type"] == "Number":
        return str(int(default) + 1)
    return OTHER_TEXTS.get(name, "1234" if name == "Dims" else "other-value")


@cache
def stacks() -> dict[tuple[str, str | None], Stack]:
    """Return a stack for each mode and each parameter with another value, and None for none."""
    values: dict[tuple[str, str | None], dict[str, str]] = {
        (mode, None): GIVEN | chosen for mode, chosen in MODES.items()
    }
    for mode in ("by the function", "by canaries"):
        for name in parameters().keys() - CHOOSE_THE_MODE:
            values[mode, name] = values[mode, None] | {name: other_value(name)}
    templates = transform(list(values.values()))
    return {
        key: Stack(template, values[key]) for key, template in zip(values, templates, strict=True)
    }


def function_of(stack: Stack) -> str:
    return json.dumps(stack.resources["ApiFunction"]["Properties"], sort_keys=True)


def version_of(stack: Stack) -> str:
    """Return the name of the version and what replaces it, which is its identity."""
    ((name, version),) = (
        (name, resource["Properties"])
        for name, resource in stack.resources.items()
        if resource["Type"] == "AWS::Lambda::Version"
    )
    return json.dumps([name, version])


def called_by_the_gateway(stack: Stack) -> str:
    (path,) = stack.resources["Api"]["Properties"]["Body"]["paths"].values()
    ((_, route),) = path.items()
    uri = route["x-amazon-apigateway-integration"]["uri"]
    return str(uri.split("/functions/")[1].split("/")[0])


def configuration_in_use(stack: Stack) -> str:
    """Return what decides how calls are answered."""
    called = called_by_the_gateway(stack)
    return function_of(stack) if called == "<ApiFunction.Arn>" else version_of(stack)


def changes() -> Iterator[tuple[str, str]]:
    yield from (key for key in stacks() if key[1] is not None)


def test_the_gateway_calls_an_alias_only_for_canaries_and_warm_functions():
    called = {mode: called_by_the_gateway(stacks()[mode, None]) for mode in MODES}

    assert called == {
        "by the function": "<ApiFunction.Arn>",
        "by canaries": "<ApiFunctionAliaslive>",
        "by warm functions": "<ApiFunctionAliaslive>",
    }


def test_every_parameter_of_the_function_changes_what_the_gateway_calls():
    reaching = {
        (mode, name)
        for mode, name in changes()
        if function_of(stacks()[mode, name]) != function_of(stacks()[mode, None])
    }
    unchanged = {
        (mode, name)
        for mode, name in reaching
        if configuration_in_use(stacks()[mode, name]) == configuration_in_use(stacks()[mode, None])
    }

    named = {"ApiKeys", "QdrantApiKey", "QdrantUrl", "MemoryMegabytes", "Traces", "ExistingBucket"}
    assert named | {"VpcSubnetIds", "VpcSecurityGroupIds"} <= {name for _, name in reaching}
    assert unchanged == set()


def test_no_version_is_published_of_a_function_that_did_not_change():
    # Lambda refuses to, and the deployment would fail.
    refused = {
        (mode, name)
        for mode, name in changes()
        if version_of(stacks()[mode, name]) != version_of(stacks()[mode, None])
        and function_of(stacks()[mode, name]) == function_of(stacks()[mode, None])
    }

    assert refused == set()


@pytest.mark.parametrize("mode", ["by canaries", "by warm functions"])
def test_turning_the_alias_on_or_off_publishes_a_version_of_a_changed_function(mode):
    with_alias, without = stacks()[mode, None], stacks()["by the function", None]

    assert version_of(with_alias) != version_of(without)
    assert function_of(with_alias) != function_of(without)


def test_the_gateway_may_call_the_function_and_its_alias_at_any_time():
    permitted = {
        resource["Properties"]["FunctionName"]
        for resource in stacks()["by the function", None].resources.values()
        if resource["Type"] == "AWS::Lambda::Permission"
        and resource["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }

    assert permitted == {"<ApiFunction>", "<ApiFunctionAliaslive>"}


def test_an_alias_is_in_place_before_the_gateway_calls_it():
    (template,) = transform([GIVEN | MODES["by canaries"]])

    assert '{"Ref": "ApiFunctionAliaslive"}' in json.dumps(template["Resources"]["Api"])


def test_a_canary_is_rolled_back_by_one_failed_call_in_a_minute():
    resources = stacks()["by canaries", None].resources
    group = resources["ApiFunctionDeploymentGroup"]["Properties"]
    watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    alarm = resources["CanaryFailures"]["Properties"]
    counted = resources["FailedCalls"]["Properties"]
    (metric,) = counted["MetricTransformations"]

    assert watched == {"<ApiErrors>", "<CanaryFailures>"}
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (60, 1, 0)
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        metric["MetricNamespace"],
        metric["MetricName"],
    )
    assert counted["FilterPattern"] == '{ $.status = "5*" }'
    assert '"status":"$context.status"' in access_log_format(resources)


def access_log_format(resources: dict[str, Any]) -> str:
    (stage,) = (r for r in resources.values() if r["Type"] == "AWS::ApiGatewayV2::Stage")
    return str(stage["Properties"]["AccessLogSettings"]["Format"])


@pytest.mark.parametrize("none", ["none", ""])
def test_a_server_without_a_key_needs_no_secret(none):
    given = GIVEN | {"QdrantApiKey": none}
    resources = Stack(*transform([given]), given).resources
    variables = resources["ApiFunction"]["Properties"]["Environment"]["Variables"]

    assert "QdrantSecret" not in resources
    assert variables["QDRANT_API_KEY_SECRET_ARN"] == ""
    assert "secretsmanager" not in json.dumps(resources)
