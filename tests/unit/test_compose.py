"""What infra/compose.yaml makes of infra/.env."""

import hashlib

import pytest

from tests.container.compose import VariableMissing, service

KEYS = {"LOOKALIKE_API_KEYS": "admin:" + hashlib.sha256(b"a-key").hexdigest()}


def test_a_key_for_callers_is_required_and_the_message_says_where_it_goes():
    with pytest.raises(VariableMissing, match=r"infra/\.env"):
        service("lookalike", {})


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, ""),
        ({"QDRANT_API_KEY": "k"}, "http://qdrant:6333"),
        ({"QDRANT_API_KEY": "k", "QDRANT_URL": "https://cloud"}, "https://cloud"),
    ],
)
def test_a_qdrant_key_without_an_address_is_for_the_server_of_the_profile(variables, url):
    assert service("lookalike", KEYS | variables)["environment"]["QDRANT_URL"] == url


def test_only_this_machine_reaches_the_gallery_and_only_the_gallery_reaches_qdrant():
    assert service("lookalike", KEYS)["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in service("qdrant", KEYS)
