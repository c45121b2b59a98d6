"""Any sentence-transformers model, by torch: the reference, and the engine for GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from baukasten_core.contracts.embedding import TextOrTokens
from baukasten_core.errors import ProviderNotConfigured
from baukasten_core.providers.embedding.cores import usable_cores
from baukasten_core.providers.embedding.tokens import Tokenizer, Tokens, padded
from baukasten_core.providers.embedding.vectors import Vectors, unit_rows
from baukasten_core.providers.embedding.weights import LocalModelConfig, check_weights, space_of
from baukasten_core.providers.embedding.worker import LocalEmbedder

if TYPE_CHECKING:
    import torch

CPU_BATCH_TOKENS = 2048
GPU_BATCH_TOKENS = 32_768


class SentenceTransformersConfig(LocalModelConfig):
    """torch, on a CPU or a GPU."""

    device: str | None = Field(None, description="`cpu`, `cuda`, ... Unset: the best there is.")
    precision: Literal["auto", "f32", "bf16", "f16"] = Field(
        "auto",
        description="What it computes in. `auto`: on a GPU bf16, or f16 where it has no bf16; "
        "else f32, the reference.",
    )
    hub: bool = Field(
        False,
        description="Fetch `model` from the Hugging Face hub (its own `dimensions` and `revision` "
        "must be given). Off: nothing is ever fetched.",
    )


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
        load_wait=config.load_wait,
        max_queue=config.max_queue,
    )


class TorchEngine:
    """A loaded sentence-transformers model. It attends by torch's scaled dot product (SDPA)
    wherever transformers has it for the model."""

    lanes = 1

    def __init__(self, config: SentenceTransformersConfig) -> None:
        source: str | Path = config.model if config.hub else check_weights(config)
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.util import get_device_name

        device = config.device or get_device_name()
        on_gpu = device.startswith("cuda")
        torch.set_num_threads(config.threads or usable_cores())
        self.batch_tokens = config.batch_tokens or (
            GPU_BATCH_TOKENS if on_gpu else CPU_BATCH_TOKENS
        )
        self._model = SentenceTransformer(
            str(source),
            device=device,
            revision=config.revision if config.hub else None,
            local_files_only=not config.hub,
            model_kwargs={"dtype": _precision(config, on_gpu=on_gpu)},
        ).eval()
        self._device = device
        self._tokenizer = Tokenizer(self._model.tokenizer.backend_tokenizer, config.max_tokens)
        self._most = config.max_tokens

    def tokenize(self, inputs: Sequence[TextOrTokens]) -> list[Tokens]:
        return self._tokenizer(inputs)

    def encode(self, batch: Sequence[Sequence[int]]) -> Vectors:
        import torch

        arrays = padded(batch, self._most)
        ids, mask = (torch.from_numpy(part).to(self._device) for part in arrays)
        with torch.inference_mode():
            out = self._model({"input_ids": ids, "attention_mask": mask})
        return unit_rows(out["sentence_embedding"].float().cpu().numpy())


def _precision(config: SentenceTransformersConfig, *, on_gpu: bool) -> torch.dtype:
    import torch

    if config.precision != "auto":
        return {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[
            config.precision
        ]
    if not on_gpu:
        return torch.float32
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16
