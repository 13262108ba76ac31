"""The state machine of the template, run by moto on a bucket: what is synced, retried and reported.

moto lists the keys and follows the states as the service does, but has no batches. Instead of a
function it calls the handler; it does not wait, and writes no results of batches.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from functions.gallery.errors import StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.originals.s3 import S3Originals
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.ingest import handler
from functions.ingest.work import Ingest
from tests.cloud import ACCOUNT
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder, FakeStore
from tests.infra.reading import as_list

PICTURE = jpeg(1)
ROLE = "arn:aws:iam::123456789012:role/backfill"
RUN_BY_MOTO: Any = {"stepfunctions": {"execute_state_machine": True}}
RUN_ONCE = pytest.mark.parametrize("transformed", ["everything"], indirect=True)


class Context:
    """The context that Lambda passes to a call."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Stack:
    """A bucket, its gallery, the handler as a function, and the state machine."""

    def __init__(self, definition: str) -> None:
        self.s3, self.states = boto3.client("s3"), boto3.client("stepfunctions")
        region = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket="pictures", CreateBucketConfiguration=region)
        embedder, originals = FakeEmbedder(), S3Originals.connect("pictures")
        spec = CollectionSpec(embedder.card.id, embedder.card.dims)
        self.store = FakeStore(spec)
        gallery = Gallery(spec, Limits(), embedder, self.store, originals, originals)
        self.queued: list[str] = []
        self.ingest = Ingest(gallery, self)
        self.sent: list[dict[str, Any]] = []
        machine = self.states.create_state_machine(
            name="backfill", definition=definition, roleArn=ROLE
        )
        self.machine = machine["stateMachineArn"]

    def put(self, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket="pictures", Key=key, Body=PICTURE)

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Take what the comparison finds, as the queue does."""
        self.queued += [name for message in messages for name in message["names"]]

    def invoke(self, Payload: Any, **_: str) -> dict[str, Any]:
        """Call the handler as the client of Lambda does."""
        event = json.loads(Payload)
        self.sent.append(event)
        returned = handler.handle(event, Context())
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(returned).encode())}

    def backfill(self, prefix: str = "") -> str:
        with (
            patch.object(lambda_eval_utils, "boto_client_for", lambda **_: self),
            patch.object(handler, "_ingest", lambda: self.ingest),
        ):
            started = self.states.start_execution(
                stateMachineArn=self.machine, input=json.dumps({"prefix": prefix}), name="run-1"
            )
            end = time.monotonic() + 60
            while time.monotonic() < end:
                found = self.states.describe_execution(executionArn=started["executionArn"])
                if found["status"] != "RUNNING":
                    return found["status"]
                time.sleep(0.05)
        raise AssertionError("it did not end")


def without_batches(definition: dict[str, Any]) -> dict[str, Any]:
    """Make batches of one key, because moto has none."""
    read = dict(definition["States"]["EveryObject"])
    assert read.pop("ItemBatcher") == {"MaxItemsPerBatch": 50}
    assert read["ItemSelector"] == {"name.$": "$$.Map.Item.Value.Key"}
    read["ItemSelector"] = {"Items": [read["ItemSelector"]]}
    return definition | {"States": definition["States"] | {"EveryObject": read}}


@pytest.fixture
def stack(resources, monkeypatch) -> Iterator[Stack]:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    text = json.dumps(without_batches(resources["Backfill"]["Properties"]["Definition"]))
    values = {"Bucket": "pictures", "Function": "ingest", "AtOnce": "3"}
    assert values.keys() == resources["Backfill"]["Properties"]["DefinitionSubstitutions"].keys()
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    with mock_aws(config=RUN_BY_MOTO):
        # moto's grammar has no whole percentages.
        text = text.replace('Percentage": 100', 'Percentage": 100.0')
        text = text.replace('"Seconds": 60', '"Seconds": 0')
        yield Stack(text.replace('"IntervalSeconds": 5', '"IntervalSeconds": 1'))


@RUN_ONCE
def test_every_picture_is_synced_and_then_bucket_and_index_are_compared(stack):
    stack.put(*(f"old/{number}.jpg" for number in range(20)), "new.jpg")

    status = stack.backfill("old/")

    *batches, compared = stack.sent
    assert status == "SUCCEEDED"
    assert sorted(batch["names"] for batch in batches) == sorted(
        [f"old/{number}.jpg"] for number in range(20)
    )
    assert compared == {"lookalike": "reconcile", "id": "run-1"}
    assert (stack.store.count(), stack.queued) == (20, ["new.jpg"])


@RUN_ONCE
def test_a_name_that_fails_is_sent_again_up_to_five_times(stack, monkeypatch):
    stack.put("a.jpg", "b.jpg", "c.jpg")
    write, failures = stack.store.put, {"a.jpg": 2, "b.jpg": 100}

    def fail(images, vectors):
        name = images[0].name
        if failures.get(name, 0) > 0:
            failures[name] -= 1
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(stack.store, "put", fail)

    status = stack.backfill()

    sent = Counter(name for event in stack.sent[:-1] for name in event["names"])
    assert status == "SUCCEEDED"  # a failed batch does not stop the rest
    assert sent == {"a.jpg": 3, "b.jpg": 5, "c.jpg": 1}
    assert {image.name for image in stack.store.page((), 9).images} == {"a.jpg", "c.jpg"}
    assert stack.queued == ["b.jpg"]


@RUN_ONCE
def test_a_call_that_fails_as_a_whole_is_repeated_by_the_state_machine(stack, monkeypatch):
    stack.put("a.jpg")
    calls = []

    def crash(*_):
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError("the function ends here")
        return Ingest.backfill(stack.ingest, *_)

    monkeypatch.setattr(stack.ingest, "backfill", crash)

    assert stack.backfill() == "SUCCEEDED"
    assert (len(calls), stack.store.count()) == (2, 1)


def test_the_state_machine_exists_only_if_it_is_wanted(transformed):
    template = json.loads(transformed.read_text())
    names = {name for name in template["Resources"] if name.startswith("Backfill")}

    assert template["Parameters"]["BackfillConcurrency"]["Default"] == 0
    assert names == {"Backfill", "BackfillRole", "BackfillBatches"}
    assert {template["Resources"][name]["Condition"] for name in names} == {"HasBackfill"}
    assert template["Outputs"]["BackfillArn"]["Condition"] == "HasBackfill"
    assert template["Conditions"]["HasBackfill"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "BackfillConcurrency"}, 0]}]
    }


def test_the_state_machine_can_do_only_what_its_states_do(resources):
    policies = [
        *resources["BackfillRole"]["Properties"]["Policies"],
        resources["BackfillBatches"]["Properties"],
    ]
    listed = [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]
    statements = [s["Fn::If"][1] if "Fn::If" in s else s for s in listed]  # with a KMS key
    allowed = {
        action: json.dumps(s["Resource"]) for s in statements for action in as_list(s["Action"])
    }

    assert allowed.keys() == {
        "lambda:InvokeFunction",
        "s3:ListBucket",
        *("s3:PutObject", "s3:GetObject", "kms:Decrypt", "kms:GenerateDataKey"),
        *("s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"),
        *("states:StartExecution", "states:DescribeExecution", "states:StopExecution"),
    }
    assert "IngestFunction" in allowed["lambda:InvokeFunction"]
    assert "/.lookalike/backfill/*" in allowed["s3:PutObject"]
    assert allowed["states:StartExecution"] == '{"Ref": "Backfill"}'
    assert "${Backfill.Name}" in allowed["states:StopExecution"]


def test_the_comparison_at_the_end_is_not_waited_for_and_the_limit_is_the_parameter(resources):
    properties = resources["Backfill"]["Properties"]
    states = properties["Definition"]["States"]

    assert states["Compare"]["Parameters"]["InvocationType"] == "Event"
    assert properties["DefinitionSubstitutions"]["AtOnce"] == {"Ref": "BackfillConcurrency"}
    assert states["Limit"]["Parameters"]["at_once.$"] == "States.StringToJson('${AtOnce}')"
    assert states["EveryObject"]["MaxConcurrencyPath"] == "$.at_once"
    assert states["EveryObject"]["ResultWriter"]["Parameters"]["Prefix"] == ".lookalike/backfill"
