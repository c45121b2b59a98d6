"""Servers that speak OpenAI's `/v1/embeddings`: vLLM, llama.cpp, infinity, LM Studio, ..."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, SecretStr

from baukasten_core.errors import (
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.embedding.remote import RemoteEmbedder, RemoteEmbeddingConfig


class OpenAICompatibleEmbeddingConfig(RemoteEmbeddingConfig):
    """An OpenAI-compatible server; `base_url` ends in `/v1`."""

    api_key: SecretStr | None = Field(None, description="Its key, where it asks for one.")


def build(config: OpenAICompatibleEmbeddingConfig) -> RemoteEmbedder:
    """The provider; the server is asked when something is embedded."""
    return RemoteEmbedder("openai_compatible", config, _Server(config).ask)


class _Server:
    def __init__(self, config: OpenAICompatibleEmbeddingConfig) -> None:
        self._config = config

    async def ask(self, texts: list[str]) -> Sequence[Sequence[float]]:
        import httpx2
        import openai

        config = self._config
        key = config.api_key.get_secret_value() if config.api_key else "none"
        client = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=key,
            timeout=httpx2.Timeout(config.timeout, connect=config.connect_timeout),
            max_retries=0,
            http_client=httpx2.AsyncClient(**client_options(config)),
        )
        try:
            async with client:
                answer = await client.embeddings.create(
                    model=self._config.model, input=texts, encoding_format="float"
                )
        except openai.APITimeoutError:
            raise ProviderTimeout(
                f"{self._config.base_url} did not answer in {self._config.timeout:g} s."
            ) from None
        except openai.APIConnectionError:
            raise ProviderUnavailable(f"{self._config.base_url} does not answer.") from None
        except openai.APIStatusError as error:
            raise self._explain(error.status_code) from None
        # Servers may answer out of order; the index says which text each belongs to.
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]

    def _explain(self, status: int) -> ProviderError:
        where, model = self._config.base_url, self._config.model
        if status in (401, 403):
            return ProviderNotConfigured(
                f"{where} wants a valid key: set embedding.options.api_key."
            )
        if status == 404:
            return ModelNotFound(f"{where} does not have `{model}`.")
        if 400 <= status < 500 and status not in (408, 409, 429):
            return ProviderRejected(f"{where} refused to embed with `{model}` (HTTP {status}).")
        return ProviderUnavailable(f"{where} can't embed right now (HTTP {status}).")
