"""Any sentence-transformers model, by torch: the reference, and the engine for GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from baukasten_core.errors import ProviderNotConfigured
from baukasten_core.providers.embedding.weights import LocalModelConfig, check_weights, space_of
from baukasten_core.providers.embedding.worker import LocalEmbedder, Vectors, unit_rows


class SentenceTransformersConfig(LocalModelConfig):
    """torch, on a CPU or a GPU."""

    device: str | None = Field(None, description="`cpu`, `cuda`, ... Unset: the best there is.")
    precision: Literal["f32", "bf16", "f16"] = Field("f32", description="What it computes in.")
    hub: bool = Field(
        False,
        description="Fetch `model` from the Hugging Face hub (its own `dimensions` and `revision` "
        "must be given). Off: nothing is ever fetched.",
    )
    batch: int = Field(16, ge=1, le=1024, description="Texts that go through it together.")


def build(config: SentenceTransformersConfig) -> LocalEmbedder:
    """The provider; nothing is loaded before its first use."""
    if config.hub and not (config.revision and config.dimensions):
        raise ProviderNotConfigured(
            f"`{config.model}` from the hub needs `revision` and `dimensions` in embedding.options."
        )
    return LocalEmbedder(
        "sentence_transformers",
        space_of("sentence_transformers", config),
        lambda: TorchEngine(config),
        batch=config.batch,
        load_wait=config.load_wait,
    )


class TorchEngine:
    """A loaded sentence-transformers model."""

    def __init__(self, config: SentenceTransformersConfig) -> None:
        source: str | Path = config.model if config.hub else check_weights(config)
        import torch
        from sentence_transformers import SentenceTransformer

        if config.threads:
            torch.set_num_threads(config.threads)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        types = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
        self._model = SentenceTransformer(
            str(source),
            device=config.device,
            revision=config.revision if config.hub else None,
            local_files_only=not config.hub,
            model_kwargs={"torch_dtype": types[config.precision]},
        )
        self._model.max_seq_length = config.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = self._model.encode(
            list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        return unit_rows(vectors)
