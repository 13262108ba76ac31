"""The deployment guide agrees with the template and with the SAM CLI, without reaching AWS."""

import json
import re
import shlex

import boto3
import pytest
import yaml
from moto import mock_aws

from tests.infra.reading import ROOT, TEMPLATE, sam_program

GUIDE = (ROOT / "infra" / "README.md").read_text()
# Nothing listens on this port, so the SAM CLI stops at its first request.
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lookalike"
STOPPED = "Could not connect to the endpoint URL"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as what follows them."""


Loader.add_multi_constructor("!", lambda loader, tag, node: node.value)
template = yaml.load(TEMPLATE.read_text(), Loader)


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table that begins with this heading."""
    rows = re.search(rf"\| {heading} \|.*\n\| -.*\n((?:\|.*\n)+)", GUIDE)[1].splitlines()
    return [[cell.strip(" `") for cell in row.strip("|").split(" |")] for row in rows]


def shell_commands(page: str, start: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith(start)]


def deploy_commands() -> set[str]:
    others = ("README.md", "docs/teach.md")
    pages = [GUIDE, *((ROOT / name).read_text() for name in others)]
    commands = {c for page in pages for c in shell_commands(page, "sam deploy")}
    complete = {c for c in commands if "lookalike ..." not in c}
    upgrade = min(complete, key=len)
    (quoted,) = re.findall(r"spaces twice:\s`(.*?)`", GUIDE)
    own = upgrade.replace("--resolve-image-repos", f"--image-repository {REPOSITORY}")
    return complete | {f"{upgrade} --parameter-overrides {quoted}", own}


def test_the_guide_lists_every_parameter_with_its_default_in_the_order_of_the_groups():
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    order = [name for group in groups for name in group["Parameters"]]

    assert sorted(order) == sorted(template["Parameters"])
    assert [row[:2] for row in table("parameter")] == [
        [name, str(template["Parameters"][name]["Default"])] for name in order
    ]


def test_every_output_that_the_guide_uses_exists():
    used = set(re.findall(r"\$\(output (\w+)\)", GUIDE))

    assert {"ApiUrl", "IngestFunctionName", "QdrantSecretArn"} <= used <= set(template["Outputs"])


def test_every_variable_that_a_command_uses_is_set_by_the_guide():
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    used = set(re.findall(r"\$\{?([A-Za-z]\w*)", commands))
    set_before = set(re.findall(r"\b(\w+)=", commands))
    entered = {"KEY", "NEW_KEY"}  # what scripts/key and Qdrant printed

    assert used - set_before == entered


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(deploy_commands()))
def test_a_documented_deployment_asks_nothing(command):
    result = sam_program(*shlex.split(command), given="", **NOWHERE)

    assert STOPPED in result.stderr


@pytest.mark.slow
def test_the_guided_deployment_asks_what_the_guide_says(tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())
    answers = {"QdrantUrl": "https://qdrant.example", "QdrantApiKey": "none"}
    asked = ["Stack Name", "AWS Region", *template["Parameters"]]
    beyond_parameters = [row[0] for row in table("question")]
    (command,) = re.findall("`(sam deploy --guided [^`]+)`", GUIDE)
    given = "".join(f"{answers.get(name, '')}\n" for name in asked + beyond_parameters)

    result = sam_program(
        *shlex.split(command), "--template", str(tmp_path / "template.yaml"), given=given, **NOWHERE
    )

    questions = re.findall(r"\t(?:Parameter )?([\w ]+) \[[^\]]*\]: ", result.stdout)
    hidden = re.findall(r"\tParameter (\w+):", result.stdout + result.stderr)
    offline = [each for each in beyond_parameters if "ECR" not in each]
    assert STOPPED in result.stderr
    assert questions == [each for each in asked + offline if each != "QdrantApiKey"]
    assert hidden == ["QdrantApiKey"]


def test_the_lifecycle_policy_of_the_image_repository_is_valid():
    text = re.search(r"--lifecycle-policy-text '(.*?)'", GUIDE, re.DOTALL)[1]

    with mock_aws():
        repositories = boto3.client("ecr", region_name="eu-west-1")
        repositories.create_repository(repositoryName="lookalike")
        repositories.put_lifecycle_policy(repositoryName="lookalike", lifecyclePolicyText=text)

    (rule,) = json.loads(text)["rules"]
    assert rule["action"] == {"type": "expire"}


def test_sam_writes_its_settings_into_a_file_that_git_ignores():
    assert "/samconfig.toml" in (ROOT / ".gitignore").read_text().splitlines()
    assert [row[0] for row in table("question")].index("SAM configuration file") > 0
