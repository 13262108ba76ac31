"""The queue of the ingest function, to which reconciling sends what differs. Knows SQS."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from functions.gallery.aws import client, translated
from functions.gallery.errors import StoreUnavailable

_MESSAGES_A_CALL = 10  # of SQS


class SqsQueue:
    """Sends JSON messages; whoever consumes the queue reads them with ingest/events.py."""

    def __init__(self, url: str, sqs: Any) -> None:
        """Take over a client; `connect` is the way to get one."""
        self._url = url
        self._sqs = sqs

    @classmethod
    def connect(cls, url: str) -> "SqsQueue":
        """Use the queue at this address with the credentials of the environment."""
        return cls(url, client("sqs"))

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send all of them, or raise StoreError; some may have gone out then."""
        for start in range(0, len(messages), _MESSAGES_A_CALL):
            part = messages[start : start + _MESSAGES_A_CALL]
            entries = [
                {"Id": str(number), "MessageBody": json.dumps(message)}
                for number, message in enumerate(part)
            ]
            with translated("The queue"):
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise StoreUnavailable(f"The queue did not take all: {answer['Failed'][0]}")
