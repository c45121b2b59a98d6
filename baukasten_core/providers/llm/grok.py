"""xAI's Grok, in OpenAI's format: see docs/decisions/grok-in-openais-format.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr, model_validator

from baukasten_core.errors import ProviderError, ProviderNotConfigured
from baukasten_core.providers.llm.openai_wire import OpenAIConfig, OpenAIWire
from baukasten_core.providers.llm.remote import no_key, variable

BASE_URL = "https://api.x.ai/v1"


class GrokConfig(OpenAIConfig):
    """An xAI account. Its own address is in the USA; another address has to be declared."""

    base_url: str = Field(BASE_URL, pattern=r"^https?://", description="xAI's address.")
    api_key: SecretStr | None = Field(
        default_factory=lambda: variable("XAI_API_KEY"),
        description="xAI's key. Unset: the variable XAI_API_KEY.",
    )
    processor: str | None = Field("xAI", description="Who processes it.")

    @model_validator(mode="before")
    @classmethod
    def _region(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("base_url", BASE_URL) == BASE_URL:
            return {"region": "us", **values}
        return values


class Grok(OpenAIWire):
    """An LLMProvider for xAI."""

    name = "grok"
    title = "Grok"

    def check(self) -> None:
        if self.config.api_key is None:
            raise no_key("Grok", "XAI_API_KEY")

    def refusal(
        self, status: int, message: str, *, model: str = "", retry_after: str | None = None
    ) -> ProviderError:
        # xAI answers a wrong key with 400, where the others answer 401.
        if status == 400 and "API key" in message:
            return ProviderNotConfigured("Grok refused the API key.")
        return super().refusal(status, message, model=model, retry_after=retry_after)


def build(config: GrokConfig) -> Grok:
    return Grok(config)
