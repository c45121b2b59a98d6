"""What an operator may set for PrivateGPT, under `plugins.options.privategpt`."""

from __future__ import annotations

from pydantic import Field

from baukasten_core.api import ShowcaseOptions


class PrivateGPTOptions(ShowcaseOptions):
    """How much of a model's context a question may fill."""

    context_tokens: int = Field(
        8192, ge=1024, description="Tokens that question, sources and answer have together."
    )
    answer_tokens: int = Field(1024, ge=64, description="Of these, the most an answer has.")
