"""The template of the firewall in front of the API: passes everything on, keeps nothing."""

import re
from typing import Any

import pytest
import yaml

from tests.infra.reading import ROOT, find_all, sam_program

FRONT = ROOT / "infra" / "front.yaml"
# Groups of AWS's rules that do not read bodies, which are pictures.
ONLY_ADDRESSES = {"AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesAnonymousIpList"}


class Loader(yaml.SafeLoader):
    """Reads !Ref and its like as what they are applied to."""


Loader.add_multi_constructor(
    "!", lambda loader, _, node: getattr(loader, f"construct_{node.id}")(node)
)


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return yaml.load(FRONT.read_text(), Loader)["Resources"]


def test_cfn_lint_accepts_the_front_where_cloudfront_needs_it():
    result = sam_program("cfn-lint", "-r", "us-east-1", "-t", str(FRONT))

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_firewall_is_in_front_of_the_api_and_refuses_floods(resources):
    distribution = resources["Distribution"]["Properties"]["DistributionConfig"]
    (limit,) = find_all(resources["Firewall"], "RateBasedStatement")

    assert distribution["WebACLId"] == "Firewall.Arn"
    assert resources["Firewall"]["Properties"]["Scope"] == "CLOUDFRONT"
    assert limit == {"Limit": "RequestsPerAddress", "AggregateKeyType": "IP"}


def test_no_rule_reads_bodies_because_they_are_pictures(resources):
    groups = find_all(resources["Firewall"], "ManagedRuleGroupStatement")

    assert {group["Name"] for group in groups} <= ONLY_ADDRESSES
    assert find_all(resources["Firewall"], "Body") == []


def test_every_method_reaches_the_api_and_no_response_is_kept_for_others(resources):
    behaviour = find_all(resources, "DefaultCacheBehavior")[0]
    policies = dict(re.findall(r"# (\w+): .*\n +\w+: ([0-9a-f-]{36})", FRONT.read_text()))

    assert {"POST", "PATCH", "DELETE", "OPTIONS"} <= set(behaviour["AllowedMethods"])
    assert policies == {
        "CachingDisabled": behaviour["CachePolicyId"],
        "AllViewerExceptHostHeader": behaviour["OriginRequestPolicyId"],
    }
