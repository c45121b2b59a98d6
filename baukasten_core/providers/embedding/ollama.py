"""Embedding models on an Ollama server."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from baukasten_core.errors import (
    ModelNotFound,
    ProviderError,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from baukasten_core.providers.connection import client_options
from baukasten_core.providers.embedding.remote import RemoteEmbedder, RemoteEmbeddingConfig


class OllamaEmbeddingConfig(RemoteEmbeddingConfig):
    """An Ollama server."""

    base_url: str = Field(
        "http://127.0.0.1:11434", pattern=r"^https?://", description="Where the server listens."
    )


def build(config: OllamaEmbeddingConfig) -> RemoteEmbedder:
    """The provider; the server is asked when something is embedded."""
    return RemoteEmbedder("ollama", config, _Ollama(config).ask)


class _Ollama:
    def __init__(self, config: OllamaEmbeddingConfig) -> None:
        import httpx
        import ollama

        self._config = config
        self._client = ollama.AsyncClient(
            host=config.base_url,
            timeout=httpx.Timeout(config.timeout, connect=config.connect_timeout),
            **client_options(config),
        )

    async def ask(self, texts: list[str]) -> Sequence[Sequence[float]]:
        import httpx
        import ollama

        try:
            answer = await self._client.embed(model=self._config.model, input=texts, truncate=True)
        except ollama.ResponseError as error:
            raise self._explain(error.status_code) from None
        except httpx.TimeoutException:
            raise ProviderTimeout(
                f"Ollama at {self._config.base_url} did not answer in {self._config.timeout:g} s."
            ) from None
        except (ConnectionError, httpx.HTTPError):
            raise ProviderUnavailable(
                f"Ollama at {self._config.base_url} does not answer; is it running?"
            ) from None
        return answer.embeddings

    def _explain(self, status: int) -> ProviderError:
        model = self._config.model
        if status == 404:
            return ModelNotFound(
                f"Ollama does not have `{model}`.", hint=f"Run `ollama pull {model}`."
            )
        if 400 <= status < 500 and status not in (408, 429):
            return ProviderRejected(f"Ollama refused to embed with `{model}` (HTTP {status}).")
        return ProviderUnavailable(f"Ollama can't embed right now (HTTP {status}).")
