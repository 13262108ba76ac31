"""The template gives nobody more than needed and keeps what is secret."""

import json
from typing import Any

from tests.infra.reading import inside, listed, of_type

# X-Ray knows no resources for these two.
WITHOUT_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def allowing(resources: dict[str, Any]) -> list[dict[str, Any]]:
    statements = [s for found in inside(resources, "Statement") for s in listed(found)]
    return [s for s in statements if s["Effect"] == "Allow" and "Resource" in s]


def test_the_key_of_qdrant_is_in_no_variable(resources):
    only_locally = {"Fn::If": ["IsDeployed", {"Ref": "AWS::NoValue"}, ""]}

    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["QDRANT_API_KEY"] == only_locally
        assert "QdrantApiKey" not in json.dumps(function)


def test_no_function_is_taken_for_sam_local(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert "AWS_SAM_LOCAL" not in function["Environment"]["Variables"]


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
