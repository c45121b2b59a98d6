"""Any server that speaks OpenAI's protocol: vLLM, llama.cpp, Ray Serve LLM, LM Studio, ..."""

from __future__ import annotations

from baukasten_core.providers.llm.openai_wire import OpenAIConfig, OpenAIWire


class OpenAICompatibleConfig(OpenAIConfig):
    """An OpenAI-compatible server; `base_url` ends in `/v1` with most of them."""


class OpenAICompatible(OpenAIWire):
    """An LLMProvider for one such server. A key is sent when there is one."""

    name = "openai_compatible"
    title = "The OpenAI-compatible server"


def build(config: OpenAICompatibleConfig) -> OpenAICompatible:
    return OpenAICompatible(config)
