"""pytest fixtures: a fresh protocol emulator a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from baukasten_core.testing.emulators import (
        AnthropicEmulator,
        OllamaEmulator,
        OpenAIEmulator,
        XAIEmulator,
    )


@pytest.fixture
def ollama_emulator() -> Iterator[OllamaEmulator]:
    """A running Ollama with the model `tiny:latest`."""
    from baukasten_core.testing.emulators import OllamaEmulator

    with OllamaEmulator() as server:
        yield server


@pytest.fixture
def anthropic_emulator() -> Iterator[AnthropicEmulator]:
    """A running Anthropic API with the model `claude-tiny-1`; any key will do."""
    from baukasten_core.testing.emulators import AnthropicEmulator

    with AnthropicEmulator() as server:
        yield server


@pytest.fixture
def openai_emulator() -> Iterator[OpenAIEmulator]:
    """A running OpenAI-compatible server with the model `tiny`, without a key."""
    from baukasten_core.testing.emulators import OpenAIEmulator

    with OpenAIEmulator() as server:
        yield server


@pytest.fixture
def xai_emulator() -> Iterator[XAIEmulator]:
    """A running xAI API with the model `grok-tiny` and the key `xai-key`."""
    from baukasten_core.testing.emulators import XAIEmulator

    with XAIEmulator(api_key="xai-key") as server:
        yield server
