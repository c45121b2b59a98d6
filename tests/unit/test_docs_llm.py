"""The provider shown in docs/llm-providers.md works as shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from baukasten_core.contracts.llm import LLMProvider
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.testing.contracts.llm import LLMContract

GUIDE = Path(__file__).parents[2] / "docs" / "llm-providers.md"


class TestTheProviderOfTheGuide(LLMContract):
    @pytest.fixture(scope="class")
    def provider(self) -> LLMProvider:
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        (shown,) = [block for block in blocks if "register_llm_providers" in block]
        names: dict[str, Any] = {}
        exec(shown, names)
        (registered,) = names["register_llm_providers"]()
        provider: LLMProvider = registered.build(ProviderConfig())
        return provider
