"""Settings: unknown keys name the nearest, secrets are the owner's alone, production is strict."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from baukasten_core.settings import load_settings, setting_names, variable

STRONG = "b7f0c2a19d5e4b8a97c31f60d2e8ab45"

VALUES = {"auth.token_key": "k" * 32}
"""Of settings whose default is none, where not every value will do."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("BAUKASTEN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BAUKASTEN_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("values", "nearest"),
    [
        ({"tilte": "x"}, "title"),
        ({"server": {"prot": 1}}, "server.port"),
        ({"database": {"pool_sise": 1}}, "database.pool_size"),
        ({"llm": {"chian": ["x"]}}, "llm.chain"),
    ],
)
def test_an_unknown_key_names_the_nearest(values: dict[str, Any], nearest: str) -> None:
    with pytest.raises(ValueError, match=f"unknown setting .* did you mean `{nearest}`"):
        load_settings(values)


def test_an_unknown_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAUKASTEN_DATABASE_ULR", "x")
    with pytest.raises(ValueError, match="did you mean `BAUKASTEN_DATABASE_URL`"):
        load_settings()


def test_a_wrong_value_names_its_setting_and_is_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"setting `server\.port`") as caught:
        load_settings({"server": {"port": 700_001}})
    assert "700001" not in str(caught.value)


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAUKASTEN_SERVER_PORT", "9001")
    settings = load_settings({"server": {"port": 9000, "host": "127.0.0.2"}, "title": "Ours"})
    assert (settings.server.port, settings.server.host) == (9001, "127.0.0.2")
    assert settings.title == "Ours"


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.title = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.server.port = 1  # type: ignore[misc]


def test_every_setting_has_a_description_and_a_variable_of_its_own() -> None:
    names = [name for name, _ in setting_names()]
    assert len({variable(name) for name in names}) == len(names)
    assert all(field.description for _, field in setting_names())


@pytest.mark.parametrize("name", [name for name, _ in setting_names()])
def test_every_setting_is_read_from_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section, _, key = name.rpartition(".")
    values = load_settings().model_dump(mode="json")
    value = values[section][key] if section else values[key]
    if value is None or value == "**********":
        value = VALUES.get(name, "7" if "url" not in name else "http://127.0.0.1:1")
    monkeypatch.setenv(variable(name), value if isinstance(value, str) else json.dumps(value))
    load_settings()


def test_a_section_within_a_section_is_a_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAUKASTEN_LLM_LIMITS", '{"tokens_per_month": 5}')
    assert load_settings().llm.limits.tokens_per_month == 5


def test_secrets_are_made_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    first, second = load_settings(), load_settings()
    file = tmp_path / "home" / "secrets.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert first.auth.token_key == second.auth.token_key
    stored = json.loads(file.read_text())
    assert len(set(stored.values())) == len(stored)
    assert all(len(secret) >= 32 for secret in stored.values())


def test_secrets_are_not_printed() -> None:
    settings = load_settings()
    key = settings.auth.token_key
    assert key is not None
    assert key.get_secret_value() not in repr(settings)


@pytest.mark.parametrize("weak", ["", "short", "changeme", "secret"])
@pytest.mark.parametrize(
    ("section", "key"),
    [("auth", "token_key"), ("database", "app_password"), ("database", "embedded_password")],
)
def test_production_refuses_a_weak_secret(section: str, key: str, weak: str) -> None:
    values: dict[str, Any] = {
        "mode": "production",
        "auth": {"token_key": STRONG},
        "database": {"app_password": STRONG, "embedded_password": STRONG},
    }
    assert load_settings(values).mode == "production"
    values[section][key] = weak
    with pytest.raises(ValueError, match=f"refuses {variable(f'{section}.{key}')}:"):
        load_settings(values)


@pytest.mark.parametrize("url", ["url", "app_url"])
def test_production_asks_for_no_secret_of_a_server_that_it_does_not_start(url: str) -> None:
    values = {"app_password": STRONG, url: "postgresql://somebody@db/b"}
    settings = load_settings(
        {"mode": "production", "auth": {"token_key": STRONG}, "database": values}
    )
    assert settings.database.embedded_password is None


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "proxy.example.org", "10.0.0.5/8"])
def test_a_trusted_proxy_is_an_address_or_a_network(wrong: str) -> None:
    settings = load_settings({"server": {"trusted_proxies": ["10.0.0.0/8", "2001:db8::1"]}})
    assert [str(network) for network in settings.server.trusted_proxies] == [
        "10.0.0.0/8",
        "2001:db8::1/128",
    ]
    with pytest.raises(ValueError, match=r"setting `server\.trusted_proxies"):
        load_settings({"server": {"trusted_proxies": [wrong]}})


def test_production_refuses_missing_secrets_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"BAUKASTEN_AUTH_TOKEN_KEY.*BAUKASTEN_DATABASE_APP_PASS"):
        load_settings({"mode": "production"})
    assert not (tmp_path / "home" / "secrets.json").exists()


def test_production_takes_strong_secrets() -> None:
    settings = load_settings(
        {
            "mode": "production",
            "auth": {"token_key": STRONG},
            "database": {"app_url": "postgresql://app@db/b", "url": "postgresql://o@db/b"},
        }
    )
    assert settings.mode == "production"
