"""The template can be deployed, sets only what the code reads, and loses no event."""

import json

import yaml

from functions.gallery.originals.lease import A_CALL
from functions.gallery.settings import Settings
from functions.ingest.work import SECONDS_TO_RECONCILE
from functions.runtime import ANSWER_S, CALL_S, START_S
from tests.infra.reading import REGION, ROOT, TEMPLATE, find_all, of_type, sam_program

# Read by boto3, not by us: `sam local` passes on the shell's value to use another S3.
READ_BY_BOTO3 = {"AWS_ENDPOINT_URL"}


def test_sam_validates_the_template():
    result = sam_program("sam", "validate", "--lint", "--template", str(TEMPLATE))

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_template_has_no_anchors_because_cloudformation_refuses_them():
    anchors = [t for t in yaml.scan(TEMPLATE.read_text()) if isinstance(t, yaml.AnchorToken)]

    assert anchors == []


def test_cfn_lint_accepts_the_transformed_template(transformed):
    # W2001: parameters that are unused after the transformation.
    result = sam_program("cfn-lint", "-r", REGION, "-i", "W2001", "-t", str(transformed))

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_environment_variable_is_a_setting(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        variables = set(function["Environment"]["Variables"])

        assert variables - READ_BY_BOTO3 <= {name.upper() for name in Settings.model_fields}


def test_both_functions_run_handlers_that_exist(resources):
    functions = of_type(resources, "AWS::Lambda::Function").values()
    commands = {f["ImageConfig"]["Command"][0] for f in functions}

    assert commands == {"functions.api.handler.handle", "functions.ingest.handler.handle"}
    assert {f["PackageType"] for f in functions} == {"Image"}
    assert [f["Architectures"] for f in functions] == [[{"Ref": "Architecture"}]] * 2


def test_the_template_fits_the_quotas_of_a_new_account(resources, transformed):
    parameters = json.loads(transformed.read_text())["Parameters"]

    assert find_all(resources, "ReservedConcurrentExecutions") == []
    assert parameters["MemoryMegabytes"]["Default"] <= 3008


def test_url_fetching_is_off_unless_the_operator_turns_it_on(resources, transformed):
    parameter = json.loads(transformed.read_text())["Parameters"]["FetchUrls"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("off", ["off", "https", "http"])
    assert {"Ref": "FetchUrls"} in find_all(resources, "LOOKALIKE_FETCH_URLS")


def test_a_taught_model_goes_into_the_image_and_is_used_only_if_chosen(resources, transformed):
    parameter = json.loads(transformed.read_text())["Parameters"]["Model"]
    context = (ROOT / ".dockerignore").read_text().splitlines()

    assert (parameter["Default"], parameter["AllowedValues"]) == ("", ["", "model/own"])
    assert find_all(resources, "LOOKALIKE_MODEL") == [{"Ref": "Model"}] * 2
    assert {"!model/own/*.onnx", "!model/own/card.json"} <= set(context)


def test_only_the_function_answers_preflights_and_for_no_origin_by_default(resources, transformed):
    parameter = json.loads(transformed.read_text())["Parameters"]["AllowedOrigins"]
    variables = resources["ApiFunction"]["Properties"]["Environment"]["Variables"]
    (api,) = of_type(resources, "AWS::ApiGatewayV2::Api").values()

    assert parameter["Default"] == ""
    assert variables["LOOKALIKE_ALLOWED_ORIGINS"] == {"Ref": "AllowedOrigins"}
    assert find_all(api, "x-amazon-apigateway-cors") == []
    assert "CorsConfiguration" not in api
    methods = {m for path in api["Body"]["paths"].values() for m in path}
    assert methods == {"x-amazon-apigateway-any-method"}  # OPTIONS included


def test_the_rule_can_send_events_to_both_queues(resources):
    (policy,) = of_type(resources, "AWS::SQS::QueuePolicy").values()
    (allow,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    (rule,) = [
        name
        for name, r in resources.items()
        if r["Type"] == "AWS::Events::Rule" and "EventPattern" in r["Properties"]
    ]
    (target,) = resources[rule]["Properties"]["Targets"]
    queues = [target["Arn"], target["DeadLetterConfig"]["Arn"]]

    assert sorted(allow["Resource"], key=str) == sorted(queues, key=str)
    assert sorted(each["Ref"] for each in policy["Queues"]) == sorted(
        queue["Fn::GetAtt"][0] for queue in queues
    )
    assert allow["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [rule, "Arn"]}


def test_lookalikes_own_objects_send_no_events(resources):
    (pattern,) = find_all(of_type(resources, "AWS::Events::Rule"), "EventPattern")

    assert pattern["detail"]["object"]["key"] == [{"anything-but": {"prefix": ".lookalike/"}}]


def test_a_failed_change_is_retried_alone_and_ends_in_the_dead_letter_queue(resources):
    (mapping,) = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    queue = resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
    function = resources[mapping["FunctionName"]["Ref"]]["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == {"Ref": "IngestConcurrency"}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_every_log_expires_and_is_written_by_a_function(resources):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    functions = of_type(resources, "AWS::Lambda::Function").values()
    written = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in functions}

    assert all(group["RetentionInDays"] == {"Ref": "LogDays"} for group in groups.values())
    assert written == {"ApiLog", "IngestLog"}
    assert {f["LoggingConfig"]["LogFormat"] for f in functions} == {"JSON"}


def test_calls_are_traced_only_if_the_operator_asks_for_it(resources, transformed):
    functions = of_type(resources, "AWS::Lambda::Function").values()

    assert all(f["TracingConfig"]["Mode"] == {"Ref": "Traces"} for f in functions)
    assert json.loads(transformed.read_text())["Parameters"]["Traces"]["Default"] == "PassThrough"


def test_requests_are_throttled_and_logged(resources):
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()

    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert stage["AccessLogSettings"]["DestinationArn"]


def test_the_gateway_waits_longer_than_the_function_and_that_longer_than_a_call(resources):
    limit_s = resources["ApiFunction"]["Properties"]["Timeout"]

    assert CALL_S + START_S < limit_s < 30


def test_the_ingest_function_has_time_for_work_and_for_its_answer(resources):
    limit_s = resources["IngestFunction"]["Properties"]["Timeout"]

    assert limit_s > START_S + SECONDS_TO_RECONCILE + ANSWER_S


def test_the_function_has_a_second_address_that_anyone_can_call_only_if_wanted(
    resources, transformed
):
    parameters = json.loads(transformed.read_text())["Parameters"]
    permissions = {
        permission["Properties"]["Action"]: permission
        for permission in resources.values()
        if permission["Type"] == "AWS::Lambda::Permission"
        and permission["Properties"]["Principal"] == "*"
    }

    assert parameters["FunctionUrl"]["Default"] == "false"
    assert resources["ApiFunctionUrl"]["Condition"] == "HasFunctionUrl"
    assert permissions.keys() == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert {p["Condition"] for p in permissions.values()} == {"HasFunctionUrl"}
    by_address = permissions["lambda:InvokeFunction"]["Properties"]
    assert by_address["InvokedViaFunctionUrl"] is True


def test_alarms_watch_both_functions_for_throttles_and_errors(resources):
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    watched = {
        (alarm["MetricName"], dimension["Value"]["Ref"])
        for alarm in alarms
        if alarm["Namespace"] == "AWS/Lambda"
        for dimension in alarm["Dimensions"]
    }

    assert watched == {
        (metric, function)
        for metric in ("Errors", "Throttles")
        for function in ("ApiFunction", "IngestFunction")
    }


def test_the_cost_page_counts_the_alarms_of_an_idle_month(resources):
    always = [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in resource
    ]

    assert f"`{len(always)} * alarm`" in (ROOT / "docs" / "cost.md").read_text()


def test_the_dashboard_exists_only_if_wanted(resources, transformed):
    parameter = json.loads(transformed.read_text())["Parameters"]["Dashboard"]

    assert parameter["Default"] == "false"
    assert resources["Overview"]["Condition"] == "HasDashboard"


def test_the_log_of_the_gateway_needs_no_room_in_the_resource_policy(resources):
    name = resources["ApiAccessLog"]["Properties"]["LogGroupName"]["Fn::Sub"]

    assert name.startswith("/aws/vendedlogs/")


def test_the_lease_on_comparisons_knows_how_long_a_call_lasts(resources):
    function = resources["IngestFunction"]["Properties"]
    queue = resources["IngestQueue"]["Properties"]

    assert function["Timeout"] <= A_CALL.total_seconds() < queue["VisibilityTimeout"]


def test_restored_objects_are_synced(resources):
    (pattern,) = find_all(of_type(resources, "AWS::Events::Rule"), "EventPattern")

    assert "Object Restore Completed" in pattern["detail-type"]


def test_the_dashboard_is_valid_json(resources):
    body = resources["Overview"]["Properties"]["DashboardBody"]["Fn::Sub"]

    assert len(json.loads(body)["widgets"]) == 6


def test_a_deployment_without_keys_prints_the_next_step(transformed):
    outputs = json.loads(transformed.read_text())["Outputs"]

    assert outputs["NextStep"]["Condition"] == "HasNoApiKeys"
    assert "scripts/key" in outputs["NextStep"]["Value"]
