"""The queue of the ingest function in SQS, to which reconciliation sends differences."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.gallery.errors import StoreUnavailable
from functions.gallery.originals.aws import client, map_errors

log = logging.getLogger(__name__)

_MESSAGES_PER_CALL = 10  # of SQS


@dataclass(frozen=True)
class SqsQueue:
    """The port `Queue`: sends JSON messages, which ingest/events.py reads."""

    url: str
    sqs: Any  # a client of botocore

    @classmethod
    def connect(cls, url: str) -> "SqsQueue":
        """Use the queue at this address with the credentials of the environment."""
        return cls(url, client("sqs"))

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(messages), _MESSAGES_PER_CALL):
            part = messages[start : start + _MESSAGES_PER_CALL]
            entries = [
                {"Id": str(number), "MessageBody": json.dumps(message)}
                for number, message in enumerate(part)
            ]
            with map_errors("The queue"):
                response = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            if failed := response.get("Failed"):
                log.warning("SQS: %s", failed[0])
                raise StoreUnavailable("The queue did not accept all messages; try again")
