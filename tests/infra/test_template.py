"""The template can be deployed, gives nobody more than needed, and sets what the code reads."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from functions.gallery.settings import Settings
from scripts.environment import SAM_VENV, prepare

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
REGION = "eu-west-1"
# Read by boto3, not by us: `sam local` passes the shell's on to point at another S3.
OF_AWS = {"AWS_ENDPOINT_URL"}
# X-Ray knows no resources for these two.
WITHOUT_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
VARIANTS = {
    "two values": {"QdrantUrl": "https://qdrant.example", "QdrantApiKey": "k"},
    "everything": {
        "QdrantUrl": "https://qdrant.example",
        "QdrantApiKey": "k",
        "Canary": "true",
        "WarmFunctions": "2",
        "AlarmEmail": "a@example.org",
        "UploadOrigins": "https://shop.example,https://photos.example",
    },
}


def sam_program(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the SAM CLI's environment, far from any account."""
    programs = prepare(SAM_VENV, "tests/sam/requirements.txt")
    nobody = {"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0", "PATH": os.environ["PATH"]}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=ROOT,
        env=nobody | {"HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module", params=VARIANTS)
def transformed(request, tmp_path_factory) -> Path:
    """Give the template as CloudFormation gets it."""
    values = [f"{name}={value}" for name, value in VARIANTS[request.param].items()]
    script = Path(__file__).parent / "transform.py"
    ran = sam_program("python", str(script), str(TEMPLATE), *values)
    assert ran.returncode == 0, ran.stderr
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(ran.stdout)
    return path


@pytest.fixture(scope="module")
def resources(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())["Resources"]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    found = {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def inside(value: Any, key: str) -> list[Any]:
    """Find what stands under this key, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in inside(each, key)]
    if not isinstance(value, dict):
        return []
    here = [value[key]] if key in value else []
    return here + [found for each in value.values() for found in inside(each, key)]


def allowing(resources: dict[str, Any]) -> list[dict[str, Any]]:
    statements = [s for found in inside(resources, "Statement") for s in listed(found)]
    return [s for s in statements if s["Effect"] == "Allow" and "Resource" in s]


def test_sam_finds_nothing_wrong():
    ran = sam_program("sam", "validate", "--lint", "--template", str(TEMPLATE))

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_is_wrong_with_what_cloudformation_gets(transformed):
    # W2001: parameters that the transformation has used up.
    ran = sam_program("cfn-lint", "-r", REGION, "-i", "W2001", "-t", str(transformed))

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_variable_is_a_setting(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        variables = set(function["Environment"]["Variables"])

        assert variables - OF_AWS <= {name.upper() for name in Settings.model_fields}


def test_the_key_of_qdrant_is_in_no_variable(resources):
    only_locally = {"Fn::If": ["IsDeployed", {"Ref": "AWS::NoValue"}, ""]}

    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["QDRANT_API_KEY"] == only_locally
        assert "QdrantApiKey" not in json.dumps(function)


def test_no_function_is_taken_for_sam_local(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert "AWS_SAM_LOCAL" not in function["Environment"]["Variables"]


def test_both_functions_run_handlers_that_exist(resources):
    functions = of_type(resources, "AWS::Lambda::Function").values()
    commands = {f["ImageConfig"]["Command"][0] for f in functions}

    assert commands == {"functions.api.handler.handle", "functions.ingest.handler.handle"}
    assert {f["PackageType"] for f in functions} == {"Image"}
    assert {tuple(f["Architectures"]) for f in functions} == {("x86_64",)}


def test_nothing_is_demanded_that_a_new_account_lacks(resources, transformed):
    parameters = json.loads(transformed.read_text())["Parameters"]

    assert inside(resources, "ReservedConcurrentExecutions") == []
    assert parameters["MemoryMegabytes"]["Default"] <= 3008


def test_the_rules_events_reach_both_queues(resources):
    (policy,) = of_type(resources, "AWS::SQS::QueuePolicy").values()
    (sending,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    (rule,) = [
        name
        for name, r in resources.items()
        if r["Type"] == "AWS::Events::Rule" and "EventPattern" in r["Properties"]
    ]
    (target,) = resources[rule]["Properties"]["Targets"]
    queues = [target["Arn"], target["DeadLetterConfig"]["Arn"]]

    assert sorted(sending["Resource"], key=str) == sorted(queues, key=str)
    assert sorted(each["Ref"] for each in policy["Queues"]) == sorted(
        queue["Fn::GetAtt"][0] for queue in queues
    )
    assert sending["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [rule, "Arn"]}


def test_what_lookalike_keeps_for_itself_makes_no_event(resources):
    (pattern,) = inside(of_type(resources, "AWS::Events::Rule"), "EventPattern")

    assert pattern["detail"]["object"]["key"] == [{"anything-but": {"prefix": ".lookalike/"}}]


def test_a_failed_change_comes_back_alone_and_ends_among_the_dead_letters(resources):
    (mapping,) = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    queue = resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
    function = resources[mapping["FunctionName"]["Ref"]]["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == {"Ref": "IngestConcurrency"}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_nobody_is_allowed_a_wildcard(resources):
    for statement in allowing(resources):
        actions = set(listed(statement["Action"]))

        assert [action for action in actions if "*" in action] == []
        assert ("*" in listed(statement["Resource"])) == (actions <= WITHOUT_RESOURCE)


def test_an_object_wildcard_is_only_below_the_own_bucket(resources):
    resource_texts = [r["Fn::Sub"] for r in inside(allowing(resources), "Resource") if sub(r)]

    assert set(resource_texts) == {"${Pictures.Arn}/*"}


def sub(resource: Any) -> bool:
    return isinstance(resource, dict) and "Fn::Sub" in resource


def test_no_function_has_a_role_made_for_everyone(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        role = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]

        assert "ManagedPolicyArns" not in role


def test_buckets_are_private_encrypted_and_keep_versions(resources):
    for bucket in of_type(resources, "AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "AccessControl" not in bucket


def test_no_web_page_of_just_anyone_may_send_to_the_bucket(resources):
    (rule,) = resources["Pictures"]["Properties"]["CorsConfiguration"]["CorsRules"]
    _, named, otherwise = rule["AllowedOrigins"]["Fn::If"]

    assert named == {"Ref": "UploadOrigins"}
    assert otherwise == [{"Fn::Sub": "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}"}]


def test_queues_are_encrypted_and_buckets_outlive_the_stack(resources):
    assert {q["SqsManagedSseEnabled"] for q in of_type(resources, "AWS::SQS::Queue").values()} == {
        True
    }
    assert resources["Pictures"]["DeletionPolicy"] == "Retain"


def test_transport_is_always_encrypted(resources):
    denying = [
        s["Condition"]
        for found in inside(resources, "Statement")
        for s in listed(found)
        if s["Effect"] == "Deny"
    ]

    assert denying == [{"Bool": {"aws:SecureTransport": "false"}}] * 2


def test_every_log_has_an_end_and_a_function_that_writes_it(resources):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    functions = of_type(resources, "AWS::Lambda::Function").values()
    written = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in functions}

    assert all(group["RetentionInDays"] == {"Ref": "LogDays"} for group in groups.values())
    assert written == {"ApiLog", "IngestLog"}
    assert {f["LoggingConfig"]["LogFormat"] for f in functions} == {"JSON"}
    assert {f["TracingConfig"]["Mode"] for f in functions} == {"Active"}


def test_calls_are_held_to_a_rate_and_written_down(resources):
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()

    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert stage["AccessLogSettings"]["DestinationArn"]


def test_the_gateway_waits_longer_than_the_function(resources):
    limit_s = resources["ApiFunction"]["Properties"]["Timeout"]

    assert limit_s < 30


def test_the_dashboard_is_json(resources):
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

    assert len(json.loads(body)["widgets"]) == 6


def test_whoever_deploys_without_keys_is_told_what_to_do(transformed):
    outputs = json.loads(transformed.read_text())["Outputs"]

    assert outputs["NextStep"]["Condition"] == "HasNoApiKeys"
    assert "scripts/key" in outputs["NextStep"]["Value"]
