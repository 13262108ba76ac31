"""A bucket that is there already: scripts/attach adds what a gallery needs and removes nothing."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
import pytest
from moto.core.responses import ActionResult
from moto.s3.responses import S3Response

from tests.cloud import cloud
from tests.drawing import jpeg
from tests.end_to_end.server import run
from tests.end_to_end.test_bucket import Deployment

PAGE = "https://abc123.execute-api.eu-west-1.amazonaws.com"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:thumbnails"
IN_IRELAND = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
serialized = S3Response.serialized


def with_event_bridge(response: S3Response, answer: ActionResult) -> Any:
    """Answer as S3 does; moto keeps this one setting of notifications and does not return it."""
    if response.data.get("Action") == "GetBucketNotificationConfiguration":
        name = response.bucket_name
        kept = response.backend.get_bucket_notification_configuration(name)
        if kept and kept.event_bridge is not None:
            answer.result["EventBridgeConfiguration"] = {}
    return serialized(response, answer)


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    with cloud() as environment, patch.object(S3Response, "serialized", with_event_bridge):
        yield environment


@pytest.fixture
def s3(aws):
    return boto3.client("s3")


@pytest.fixture
def bucket(s3) -> str:
    """A bucket that other things use already."""
    name = f"photos-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, **IN_IRELAND)
    boto3.client("sqs").create_queue(QueueName="thumbnails")
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"Id": "thumbnails", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )
    shop = {"AllowedOrigins": ["https://shop.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [shop]})
    old = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}}
    rules = {"Rules": [old | {"Expiration": {"Days": 7}}]}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
    return name


def attach(bucket, tmp_path, *options: str, **more: str):
    return run("attach", bucket, *options, data=tmp_path, **more)


def settings_of(s3, bucket: str) -> dict[str, Any]:
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    del notifications["ResponseMetadata"]
    return {
        "notifications": notifications,
        "cors": s3.get_bucket_cors(Bucket=bucket)["CORSRules"],
        "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
    }


def test_what_was_there_stays_and_what_is_missing_is_added(s3, bucket, tmp_path):
    before = settings_of(s3, bucket)

    done = attach(bucket, tmp_path, "--page", PAGE, "--yes")

    after = settings_of(s3, bucket)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{bucket} is ready."
    assert "1 other notifications stay" in done.stdout
    configuration = after["notifications"]
    assert configuration["EventBridgeConfiguration"] == {}
    assert (
        configuration["QueueConfigurations"] == before["notifications"]["QueueConfigurations"] != []
    )
    assert after["cors"][0] == before["cors"][0]
    assert after["cors"][1]["AllowedOrigins"] == [PAGE]
    assert after["lifecycle"][0] == before["lifecycle"][0]
    assert len(after["lifecycle"]) == 3


def test_attaching_twice_changes_nothing(s3, bucket, tmp_path):
    attach(bucket, tmp_path, "--page", PAGE, "--yes")
    once = settings_of(s3, bucket)

    again = attach(bucket, tmp_path, "--page", f"{PAGE}/")

    assert (again.returncode, again.stdout) == (0, f"{bucket} is ready.\n")
    assert settings_of(s3, bucket) == once


@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["a dry run", "no confirmation"])
def test_nothing_is_changed_without_consent(s3, bucket, tmp_path, options):
    before = settings_of(s3, bucket)

    done = attach(bucket, tmp_path, *options)

    assert done.returncode == (0 if options else 1)
    assert "send events to EventBridge" in done.stdout
    assert settings_of(s3, bucket) == before


def test_a_bucket_without_settings_gets_only_what_is_needed(s3, tmp_path):
    name = f"empty-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, **IN_IRELAND)

    done = attach(name, tmp_path, "--yes")

    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert done.returncode == 0
    assert {rule["Filter"]["Prefix"] for rule in rules} == {
        ".lookalike/replies/",
        ".lookalike/backfill/",
    }
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=name)


def test_a_bucket_of_another_region_is_refused(s3, bucket, tmp_path):
    refused = attach(
        bucket, tmp_path, "--yes", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1"
    )

    assert refused.returncode == 2
    assert "deploy the stack there" in refused.stderr
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "EventBridgeConfiguration" not in configuration


def test_a_bucket_that_does_not_exist_is_named(aws, tmp_path):
    refused = attach("no-such-bucket-here", tmp_path, "--yes")

    assert refused.returncode == 2
    assert "The bucket no-such-bucket-here" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_pictures_are_indexed_and_the_other_receiver_of_events_still_gets_them(aws, tmp_path):
    deployment = Deployment(f"photos-{uuid4().hex[:8]}")
    url = deployment.sqs.create_queue(QueueName="others")["QueueUrl"]
    others = {"QueueArn": QUEUE.replace("thumbnails", "others"), "Events": ["s3:ObjectCreated:*"]}
    deployment.s3.put_bucket_notification_configuration(
        Bucket=deployment.bucket, NotificationConfiguration={"QueueConfigurations": [others]}
    )
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [deployment.bucket]}}}
    deployment.events.put_rule(Name="attached", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": deployment.arn}
    deployment.events.put_targets(Rule="attached", Targets=[target])

    attach(deployment.bucket, tmp_path, "--yes")
    deployment.upload("shoes/1.jpg", jpeg(1))
    deployment.poll()

    assert deployment.names() == ["shoes/1.jpg"]
    received = deployment.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert any("shoes" in message["Body"] for message in received)
