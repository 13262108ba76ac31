"""Our requests against those of qdrant_client: the same data both ways."""

from datetime import datetime
from typing import Any

import pytest

from tests.contract.wire_traffic import traffic


def plain(value: Any) -> Any:
    """Write moments as UTC in one form, and leave out nothing else."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    try:
        return datetime.fromisoformat(value).timestamp() if len(value) > 10 else value
    except (TypeError, ValueError):
        return value


@pytest.fixture(scope="module")
def ours():
    return traffic(with_library=False)


@pytest.fixture(scope="module")
def theirs():
    return traffic(with_library=True)


def test_both_clients_send_the_same_requests(ours, theirs):
    assert len(ours["requests"]) > 20
    assert plain(ours["requests"]) == plain(theirs["requests"])


def test_both_clients_return_the_same_results(ours, theirs):
    assert ours["results"] == theirs["results"]
