"""A bucket, network, host name and processor of one's own, each only if its parameters say so."""

import itertools
import json
import re
from typing import Any

import pytest

from functions.gallery.settings import Settings
from tests.infra.reading import ROOT, as_list, find_all, of_type

# The conditions are not evaluated before the deployment, so one set of values is enough.
pytestmark = pytest.mark.parametrize("transformed", ["a place of one's own"], indirect=True)
NO_VALUE = {"Ref": "AWS::NoValue"}


def chosen(value: Any, *holding: str) -> Any:
    """Return a value with each Fn::If replaced, where only the conditions named hold."""
    if isinstance(value, list):
        return [c for each in value if (c := chosen(each, *holding)) != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return chosen(then if condition in holding else otherwise, *holding)
    found = {name: chosen(each, *holding) for name, each in value.items()}
    return {name: each for name, each in found.items() if each != NO_VALUE}


@pytest.fixture
def template(transformed) -> dict[str, Any]:
    return json.loads(transformed.read_text())


def made(template: dict[str, Any], *holding: str) -> dict[str, Any]:
    """Return the resources and outputs that are made if only these conditions hold."""
    outputs = {f"output {n}": {"Type": "", **o} for n, o in template["Outputs"].items()}
    found = template["Resources"] | outputs
    kept = {n: r for n, r in found.items() if r.get("Condition") in (None, *holding)}
    return {name: chosen(each, *holding) for name, each in kept.items()}


def granted(resources: dict[str, Any], service: str) -> list[dict[str, Any]]:
    """Return what roles may do in a service, without repetitions."""
    kinds = ("AWS::IAM::Role", "AWS::IAM::Policy")
    access = [each for each in resources.values() if each["Type"] in kinds]
    found = [s for statements in find_all(access, "Statement") for s in as_list(statements)]
    of_service = [s for s in found if as_list(s["Action"])[0].startswith(f"{service}:")]
    return [s for n, s in enumerate(of_service) if s not in of_service[:n]]


def functions(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return list(of_type(resources, "AWS::Lambda::Function").values())


def test_with_an_existing_bucket_nothing_refers_to_one_of_the_stack(template):
    own, existing = made(template, "OwnsBucket"), made(template, "UsesExistingBucket")

    assert {"Pictures", "PicturesPolicy"} <= own.keys()
    assert re.findall(r'"Pictures"|\$\{Pictures', json.dumps(existing)) == []
    assert "ExistingBucket" not in json.dumps(own)


def test_an_existing_bucket_is_used_by_name_in_functions_policies_and_rule(template):
    resources = made(template, "IsDeployed", "UsesExistingBucket")
    name = {"Ref": "ExistingBucket"}
    arn = "arn:${AWS::Partition}:s3:::${ExistingBucket}"
    objects, bucket = granted(resources, "s3")

    assert find_all(functions(resources), "LOOKALIKE_BUCKET") == [name] * 2
    assert find_all(resources["PictureChanges"], "bucket") == [{"name": [name]}]
    assert objects["Resource"] == {"Fn::Sub": f"{arn}/*"}
    assert (bucket["Resource"], bucket["Action"]) == ({"Fn::Sub": arn}, "s3:ListBucket")


def test_a_key_of_ones_own_encrypts_a_new_bucket_and_both_functions_can_use_it(template):
    with_key, without = made(template, "OwnsBucket", "HasBucketKey"), made(template, "OwnsBucket")
    (rule,) = find_all(with_key["Pictures"], "ServerSideEncryptionConfiguration")[0]
    (access,) = granted(with_key, "kms")

    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Ref": "BucketKmsKey"},
    }
    assert access["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert access["Resource"] == {"Ref": "BucketKmsKey"}
    assert "kms" not in json.dumps(without)


def test_scripts_attach_expires_what_the_stack_would_expire(resources):
    rules = resources["Pictures"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {r["Prefix"]: str(r["ExpirationInDays"]) for r in rules if "ExpirationInDays" in r}

    script = (ROOT / "scripts" / "attach").read_text()

    assert dict(re.findall(r'"(\.lookalike/\w+/)": (\d+)', script)) == expiring != {}


def test_functions_are_in_a_vpc_only_if_it_is_named(template):
    inside, outside = made(template, "InVpc"), made(template)

    assert (
        find_all(functions(inside), "VpcConfig")
        == [
            {
                "SubnetIds": {"Fn::Split": [",", {"Ref": "VpcSubnetIds"}]},
                "SecurityGroupIds": {"Fn::Split": [",", {"Ref": "VpcSecurityGroupIds"}]},
            }
        ]
        * 2
    )
    assert "ec2:" not in json.dumps(outside)
    assert find_all(outside, "VpcConfig") == []


def test_only_lambda_itself_can_make_network_interfaces(template):
    (access,) = granted(made(template, "InVpc"), "ec2")

    assert access["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}


def test_a_host_name_leads_to_the_api_below_the_path_if_there_is_one(template):
    at_root = made(template, "HasDomain")["ApiMapping"]
    below = made(template, "HasDomain", "HasRootPath")["ApiMapping"]["Properties"]
    stage = template["Resources"][at_root["DependsOn"]]

    assert stage["Type"] == "AWS::ApiGatewayV2::Stage"
    assert stage["Properties"]["StageName"] == below["Stage"] == "$default"
    assert below["ApiMappingKey"] == {"Ref": "RootPath"}
    assert "ApiMappingKey" not in at_root["Properties"]
    assert {n for n in made(template) if "Domain" in n or "Mapping" in n} == set()


def test_only_the_api_function_has_the_path_as_a_setting(template):
    assert find_all(template["Resources"], "LOOKALIKE_ROOT_PATH") == [{"Ref": "RootPath"}]


@pytest.mark.parametrize("path", ["lookalike", "shop/look-alike", "a_b/c.d"])
def test_the_setting_accepts_every_path_that_the_parameter_accepts(template, path):
    assert re.fullmatch(template["Parameters"]["RootPath"]["AllowedPattern"], path)
    assert Settings(lookalike_root_path=path).lookalike_root_path == f"/{path}"


@pytest.mark.parametrize("path", ["/lookalike", "lookalike/", "a//b", "..", "a/../b", "a b"])
def test_the_parameter_refuses_paths_that_a_mapping_cannot_have(template, path):
    assert not re.fullmatch(template["Parameters"]["RootPath"]["AllowedPattern"], path)


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("DomainHasCertificate", ["DomainName", "CertificateArn"]),
        ("SubnetsHaveSecurityGroups", ["VpcSubnetIds", "VpcSecurityGroupIds"]),
    ],
)
def test_parameters_that_belong_together_are_set_together(template, rule, names):
    (assertion,) = template["Rules"][rule]["Assertions"]

    accepted = [
        values
        for values in itertools.product(["", "x"], repeat=2)
        if holds(assertion["Assert"], dict(zip(names, values, strict=True)))
    ]

    assert accepted == [("", ""), ("x", "x")]


def holds(condition: dict[str, Any], values: dict[str, str]) -> bool:
    ((function, arguments),) = condition.items()
    if function == "Fn::Equals":
        return values[arguments[0]["Ref"]] == arguments[1]
    parts = [holds(each, values) for each in arguments]
    return {"Fn::Not": not parts[0], "Fn::And": all(parts), "Fn::Or": any(parts)}[function]


def test_functions_run_on_x86_unless_the_operator_chooses_arm(template):
    parameter = template["Parameters"]["Architecture"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("x86_64", ["x86_64", "arm64"])
