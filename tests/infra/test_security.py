"""The template grants no more access than needed and keeps secrets secret."""

import json
from typing import Any

from tests.infra.reading import as_list, find_all, of_type

# X-Ray supports no resources for these two.
WITHOUT_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Lambda creates the interfaces of functions in a VPC with these; their code cannot.
WITHOUT_RESOURCE |= {
    *(f"ec2:{verb}NetworkInterface" for verb in ("Create", "Delete")),
    *(f"ec2:{verb}PrivateIpAddresses" for verb in ("Assign", "Unassign")),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
}


def allow_statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    found = [s for found in find_all(resources, "Statement") for s in as_list(found)]
    statements = [s["Fn::If"][1] if "Fn::If" in s else s for s in found]
    return [s for s in statements if s["Effect"] == "Allow" and "Resource" in s]


def test_the_qdrant_key_is_in_no_environment_variable(resources):
    only_locally = {"Fn::If": ["IsDeployed", {"Ref": "AWS::NoValue"}, ""]}

    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["QDRANT_API_KEY"] == only_locally
        assert "QdrantApiKey" not in json.dumps(function)


def test_no_deployed_function_looks_like_sam_local(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert "AWS_SAM_LOCAL" not in function["Environment"]["Variables"]


def test_no_policy_allows_a_wildcard(resources):
    for statement in allow_statements(resources):
        actions = set(as_list(statement["Action"]))

        assert [action for action in actions if "*" in action] == []
        assert ("*" in as_list(statement["Resource"])) == (actions <= WITHOUT_RESOURCE)


def test_the_only_object_wildcard_is_inside_our_own_bucket(resources):
    named = find_all(allow_statements(resources), "Resource")
    wildcards = {text for text in find_all(named, "Fn::Sub") if "*" in text}

    assert {text for text in wildcards if "${Backfill.Name}" not in text} == {
        "${Pictures.Arn}/*",
        "arn:${AWS::Partition}:s3:::${ExistingBucket}/*",
        "${Pictures.Arn}/.lookalike/backfill/*",
        "arn:${AWS::Partition}:s3:::${ExistingBucket}/.lookalike/backfill/*",
    }


def test_no_function_role_uses_managed_policies(resources):
    for function in of_type(resources, "AWS::Lambda::Function").values():
        role = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]

        assert "ManagedPolicyArns" not in role


def test_buckets_are_private_encrypted_and_versioned(resources):
    for bucket in of_type(resources, "AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "AccessControl" not in bucket


def test_only_known_web_origins_can_upload_to_the_bucket(resources):
    own_page, *others = resources["Pictures"]["Properties"]["CorsConfiguration"]["CorsRules"]
    origins = {
        condition: rule["AllowedOrigins"]
        for condition, rule, otherwise in (other["Fn::If"] for other in others)
        if otherwise == {"Ref": "AWS::NoValue"}
    }

    # Always: named pages upload in addition to the gallery's own.
    wildcard = "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert own_page["AllowedOrigins"] == [{"Fn::Sub": wildcard}]
    assert origins == {
        "HasFunctionUrl": [{"Fn::Sub": "https://*.lambda-url.${AWS::Region}.on.aws"}],
        "HasUploadOrigins": {"Ref": "UploadOrigins"},
        "HasDomain": [{"Fn::Sub": "https://${DomainName}"}],
    }


def test_queues_are_encrypted_and_buckets_outlive_the_stack(resources):
    assert {q["SqsManagedSseEnabled"] for q in of_type(resources, "AWS::SQS::Queue").values()} == {
        True
    }
    assert resources["Pictures"]["DeletionPolicy"] == "Retain"


def test_transport_is_always_encrypted(resources):
    denying = [
        s["Condition"]
        for found in find_all(resources, "Statement")
        for s in as_list(found)
        if s.get("Effect") == "Deny"
    ]

    assert denying == [{"Bool": {"aws:SecureTransport": "false"}}] * 2
