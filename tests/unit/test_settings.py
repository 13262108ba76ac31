"""Settings from the environment, and what they refuse."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from functions.gallery.errors import SettingsError
from functions.gallery.records import Distance
from functions.gallery.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_on_a_laptop_no_setting_is_needed():
    settings = Settings.from_environment()

    assert settings.qdrant_url is None
    assert settings.lookalike_distance is Distance.COSINE
    assert (settings.lookalike_model / "card.json").is_file()


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("QDRANT_URL", "")

    assert Settings.from_environment().qdrant_url is None


def test_filter_fields_and_api_keys_are_parsed(monkeypatch):
    monkeypatch.setenv("LOOKALIKE_FILTER_FIELDS", "category:keyword, price:float")
    monkeypatch.setenv("LOOKALIKE_API_KEYS", f"read:{DIGEST},admin:{'CD' * 32}")

    settings = Settings.from_environment()

    assert settings.lookalike_filter_fields == {"category": "keyword", "price": "float"}
    assert settings.lookalike_api_keys == {DIGEST: "read", "cd" * 32: "admin"}


def test_allowed_origins_are_parsed(monkeypatch):
    origins = "https://Shop.example, http://localhost:5173,capacitor://localhost,http://[::1]:8080"
    monkeypatch.setenv("LOOKALIKE_ALLOWED_ORIGINS", origins)

    assert Settings.from_environment().lookalike_allowed_origins == (
        "https://shop.example",
        "http://localhost:5173",
        "capacitor://localhost",
        "http://[::1]:8080",
    )


@pytest.mark.parametrize("value", ["/shop/lookalike", "shop/lookalike", "/shop/lookalike/"])
def test_a_root_path_can_be_written_with_or_without_its_slashes(monkeypatch, value):
    monkeypatch.setenv("LOOKALIKE_ROOT_PATH", value)

    assert Settings.from_environment().lookalike_root_path == "/shop/lookalike"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOOKALIKE_FILTER_FIELDS", "category"),
        ("LOOKALIKE_FILTER_FIELDS", "category:text"),
        ("LOOKALIKE_FILTER_FIELDS", "width:integer"),
        ("LOOKALIKE_API_KEYS", "read:secret"),
        ("LOOKALIKE_API_KEYS", f"owner:{DIGEST}"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "*"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "null"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "https://*.shop.example"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "https://shop.example/"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "https://shop.example:443"),
        ("LOOKALIKE_ALLOWED_ORIGINS", "shop.example"),
        ("LOOKALIKE_ROOT_PATH", "//evil.example/x y"),
        ("LOOKALIKE_ROOT_PATH", "/shop/../x"),
        ("LOOKALIKE_ROOT_PATH", "/shop//x"),
        ("LOOKALIKE_ROOT_PATH", "https://shop.example/lookalike"),
        ("LOOKALIKE_ROOT_PATH", "/v1/lookalike"),
        ("LOOKALIKE_GALLERY", "Shop"),
        ("LOOKALIKE_GALLERY", "shop--2"),
        ("LOOKALIKE_GALLERY", "shop-"),
        ("LOOKALIKE_GALLERY", "a" * 41),
        ("LOOKALIKE_DISTANCE", "far"),
        ("LOOKALIKE_DIMS", "15"),
        ("LOOKALIKE_MAX_BYTES", "0"),
    ],
)
def test_an_invalid_setting_is_refused_by_name_without_showing_secrets(monkeypatch, name, value):
    monkeypatch.setenv("QDRANT_API_KEY", "hush")
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name) as refusal:
        Settings.from_environment()

    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("key", ["hush\n", " hush", "hush \r\n", "\thush"])
def test_blanks_and_line_ends_around_a_key_are_no_part_of_it(monkeypatch, key):
    monkeypatch.setenv("QDRANT_API_KEY", key)

    key = Settings.from_environment().qdrant_api_key
    assert key is not None and key.get_secret_value() == "hush"


def test_a_blank_key_is_no_key(monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", " \n")

    assert Settings.from_environment().qdrant_api_key is None


@pytest.mark.parametrize("key", ["hush hush", "hush\u200b", "hush\nhush", "hüsh", "hush\x00"])
def test_a_key_that_no_header_can_send_is_refused_without_showing_it(key):
    with pytest.raises(ValidationError) as refusal:
        Settings(qdrant_api_key=key)

    message = refusal.value.errors()[0]["msg"]
    assert "visible ASCII" in message
    assert "h" + key[1:3] not in message.replace("the", "")


def test_a_secret_is_not_printed(monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "hush")

    assert "hush" not in repr(Settings.from_environment())


def test_every_setting_is_in_its_page_and_has_a_description():
    page = (ROOT / "docs" / "settings.md").read_text()

    missing = [name for name in Settings.model_fields if f"| `{name.upper()}` |" not in page]

    assert missing == []
    assert all(field.description for field in Settings.model_fields.values())
