"""Every LLM provider that ships, and our fake, against the suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from baukasten_core.contracts.llm import LLMProvider
from baukasten_core.providers.llm.anthropic import Anthropic, AnthropicConfig
from baukasten_core.providers.llm.extractive import Extractive, ExtractiveConfig
from baukasten_core.providers.llm.grok import Grok, GrokConfig
from baukasten_core.providers.llm.ollama import Ollama, OllamaConfig
from baukasten_core.providers.llm.openai_compatible import OpenAICompatible, OpenAICompatibleConfig
from baukasten_core.testing.contracts.llm import KeyedLLMContract, LLMContract, RemoteLLMContract
from baukasten_core.testing.emulators import (
    AnthropicEmulator,
    OllamaEmulator,
    OpenAIEmulator,
    XAIEmulator,
)
from baukasten_core.testing.fakes import FakeLLM


class TestFake(LLMContract):
    @pytest.fixture(scope="class")
    def provider(self) -> LLMProvider:
        return FakeLLM()


class TestExtractive(LLMContract):
    @pytest.fixture(scope="class")
    def provider(self) -> LLMProvider:
        return Extractive(ExtractiveConfig())


class TestOllama(RemoteLLMContract):
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[OllamaEmulator]:
        with OllamaEmulator() as server:
            yield server

    @pytest.fixture(scope="class")
    def provider(self, server: OllamaEmulator) -> LLMProvider:
        return Ollama(OllamaConfig(base_url=server.url))


class TestAnthropic(KeyedLLMContract):
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[AnthropicEmulator]:
        with AnthropicEmulator() as server:
            yield server

    @pytest.fixture(scope="class")
    def provider(self, server: AnthropicEmulator) -> LLMProvider:
        return Anthropic(AnthropicConfig(base_url=server.url, api_key="key"))

    @pytest.fixture(scope="class")
    def keyless(self, server: AnthropicEmulator) -> LLMProvider:
        return Anthropic(AnthropicConfig(base_url=server.url, api_key=None))


class TestGrok(KeyedLLMContract):
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[XAIEmulator]:
        with XAIEmulator(api_key="key") as server:
            yield server

    @pytest.fixture(scope="class")
    def provider(self, server: XAIEmulator) -> LLMProvider:
        return Grok(GrokConfig(base_url=server.url, api_key="key"))

    @pytest.fixture(scope="class")
    def keyless(self, server: XAIEmulator) -> LLMProvider:
        return Grok(GrokConfig(base_url=server.url, api_key=None))


class TestOpenAICompatible(RemoteLLMContract):
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[OpenAIEmulator]:
        with OpenAIEmulator() as server:
            yield server

    @pytest.fixture(scope="class")
    def provider(self, server: OpenAIEmulator) -> LLMProvider:
        return OpenAICompatible(OpenAICompatibleConfig(base_url=server.url))
