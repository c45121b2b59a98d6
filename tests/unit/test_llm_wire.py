"""What the providers put on the wire, and where their configurations say it goes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from baukasten_core.contracts.llm import GenerateRequest, Message
from baukasten_core.errors import (
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.llm import anthropic, grok, ollama
from baukasten_core.providers.llm.remote import RemoteLLMConfig, from_status


def asked(text: str = "Hello", **changes: Any) -> GenerateRequest:
    return GenerateRequest("m", (Message("system", "Be kind."), Message("user", text)), **changes)


def test_anthropic_is_never_sent_a_temperature() -> None:
    """Its API refuses one, whatever the value."""
    body = anthropic._body(asked(temperature=0.7, seed=1))
    assert not {"temperature", "top_p", "top_k", "seed"} & set(body)
    assert body["system"] == "Be kind."


@pytest.mark.parametrize(
    ("words", "max_tokens", "context"),
    [(20, 100, 4096), (5_700, 2000, 8192), (20_000, 2000, 32_768), (40_000, 2000, 32_768)],
)
def test_ollama_is_asked_for_as_much_context_as_is_needed(
    words: int, max_tokens: int, context: int
) -> None:
    """It cuts a longer prompt in silence."""
    request = asked("word " * words, max_tokens=max_tokens)
    body = ollama._body(request, 32_768)
    assert body["options"]["num_ctx"] == context
    assert body["options"]["num_predict"] == max_tokens


def test_a_prompt_that_ollama_would_cut_is_refused() -> None:
    with pytest.raises(ProviderRejected, match=r"about 100\d\d\d tokens, .* room for 32768"):
        ollama._body(asked("word " * 10**5), 32_768)


def test_options_go_to_the_wire_untouched() -> None:
    body = ollama._body(asked(options={"num_ctx": 512, "mirostat": 1}), 32_768)
    assert (body["options"]["num_ctx"], body["options"]["mirostat"]) == (512, 1)


@pytest.mark.parametrize("config", [anthropic.AnthropicConfig, grok.GrokConfig])
def test_only_the_vendors_own_address_has_the_vendors_region(
    config: type[RemoteLLMConfig],
) -> None:
    own = str(config.model_fields["base_url"].default)
    assert config.model_validate({}).region == "us"
    assert config(base_url=own).region == "us"
    assert config(base_url=own, region="eu").region == "eu"
    assert config(base_url="https://proxy.example/v1").region is None


def test_keys_come_from_the_vendors_variables_and_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XAI_API_KEY", "very-secret")
    config = grok.GrokConfig()
    assert config.api_key is not None
    assert config.api_key.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(config)
    monkeypatch.delenv("XAI_API_KEY")
    assert grok.GrokConfig().api_key is None


def test_an_address_needs_its_scheme() -> None:
    with pytest.raises(ValidationError, match="base_url"):
        ollama.OllamaConfig(base_url="localhost:11434")


def test_a_proxy_is_used_where_the_settings_name_it_alone() -> None:
    assert client_options(ollama.OllamaConfig()) == {"trust_env": False, "follow_redirects": False}
    named = client_options(ollama.OllamaConfig(proxy="http://127.0.0.1:3128"))
    assert named["proxy"] == "http://127.0.0.1:3128"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ProviderNotConfigured),
        (404, ModelNotFound),
        (400, ProviderRejected),
        (403, ProviderRejected),
        (413, ProviderRejected),
        (422, ProviderRejected),
        (307, ProviderUnavailable),
        (408, ProviderTimeout),
        (429, ProviderUnavailable),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderTimeout),
        (529, ProviderUnavailable),
    ],
)
def test_a_status_has_its_error(status: int, kind: type[ProviderError]) -> None:
    error = from_status("Vendor", status, model="m", message="a-private-thing")
    assert type(error) is kind
    assert "a-private-thing" not in error.detail


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", "7"), ("0.2", "1"), (None, "5"), ("tomorrow", "5"), ("1e9", "3600")],
)
def test_retry_after_is_passed_on_within_reason(header: str | None, seconds: str) -> None:
    error = from_status("Vendor", 429, retry_after=header)
    assert error.headers["Retry-After"] == seconds
