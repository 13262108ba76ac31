"""The template can be deployed, sets what the code reads and loses no event."""

import json

from functions.gallery.settings import Settings
from tests.infra.reading import REGION, TEMPLATE, inside, of_type, sam_program

# Read by boto3, not by us: `sam local` passes the shell's on to point at another S3.
OF_AWS = {"AWS_ENDPOINT_URL"}


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


def test_urls_are_fetched_only_if_the_operator_says_so(resources, transformed):
    parameter = json.loads(transformed.read_text())["Parameters"]["FetchUrls"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("off", ["off", "https", "http"])
    assert {"Ref": "FetchUrls"} in inside(resources, "LOOKALIKE_FETCH_URLS")


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


def test_every_log_has_an_end_and_a_function_that_writes_it(resources):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    functions = of_type(resources, "AWS::Lambda::Function").values()
    written = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in functions}

    assert all(group["RetentionInDays"] == {"Ref": "LogDays"} for group in groups.values())
    assert written == {"ApiLog", "IngestLog"}
    assert {f["LoggingConfig"]["LogFormat"] for f in functions} == {"JSON"}


def test_calls_are_traced_unless_the_operator_says_no(resources, transformed):
    functions = of_type(resources, "AWS::Lambda::Function").values()

    assert all(f["TracingConfig"]["Mode"] == {"Ref": "Traces"} for f in functions)
    assert json.loads(transformed.read_text())["Parameters"]["Traces"]["Default"] == "Active"


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
