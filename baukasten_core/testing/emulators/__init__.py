"""Servers that speak the vendors' protocols on a real socket, for tests without a vendor.

    with OllamaEmulator() as server:
        server.reply = Reply("Yes.")
        ...  # point a client at server.url
        assert server.requests[0].json()["model"] == "tiny"

They listen on loopback in a thread of their own, so that any client works: the vendors' unchanged
SDKs, a subprocess, a browser. `faults` makes them misbehave, `received` is every byte that reached
them. pytest fixtures: `ollama_emulator`, `anthropic_emulator`, `openai_emulator`, `xai_emulator`.
"""

from baukasten_core.testing.emulators.anthropic import AnthropicEmulator
from baukasten_core.testing.emulators.base import Emulator, Faults, RecordedRequest
from baukasten_core.testing.emulators.ollama import OllamaEmulator
from baukasten_core.testing.emulators.openai import OpenAIEmulator, XAIEmulator
from baukasten_core.testing.emulators.replies import (
    Asked,
    EmulatedModel,
    EmulatedToolCall,
    Reply,
)

__all__ = [
    "AnthropicEmulator",
    "Asked",
    "EmulatedModel",
    "EmulatedToolCall",
    "Emulator",
    "Faults",
    "OllamaEmulator",
    "OpenAIEmulator",
    "RecordedRequest",
    "Reply",
    "XAIEmulator",
]
