"""A cross-encoder reads query and passage together, by torch, on a CPU or a GPU."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.errors import (
    InvalidOutput,
    ProviderError,
    ProviderNotConfigured,
    ProviderUnavailable,
)

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MAX_CHARACTERS = 1 << 16
"""What a tokenizer is given of a text at most: far more than any model reads."""


class CrossEncoderConfig(ProviderConfig):
    """Any cross-encoder that sentence-transformers reads and that answers one number."""

    model: str = Field(description="A folder with its files, or its name on the Hugging Face hub.")
    hub: bool = Field(
        False,
        description="Fetch `model` from the Hugging Face hub (`revision` must be given). Off: "
        "`model` is a folder, and nothing is ever fetched.",
    )
    revision: str | None = Field(None, description="Which commit of it, where it is from the hub.")
    device: str | None = Field(None, description="`cpu`, `cuda`, ... Unset: the best there is.")
    precision: Literal["f32", "bf16", "f16"] = Field("f32", description="What it computes in.")
    threads: int | None = Field(None, ge=1, description="Threads on a CPU. Unset: torch's choice.")
    batch: int = Field(8, ge=1, le=1024, description="Passages that go through it together.")
    max_tokens: int = Field(
        512, ge=8, le=8192, description="How much of query and passage together it reads."
    )
    max_queue: int = Field(16, ge=1, description="Searches that may wait for it before 503.")
    load_wait: float = Field(
        30.0, gt=0, description="Seconds a search waits for the model to load before 503."
    )


def build(config: CrossEncoderConfig) -> CrossEncoderReranker:
    """The provider; nothing is loaded before its first use."""
    if config.hub and not config.revision:
        raise ProviderNotConfigured(
            f"`{config.model}` from the hub needs `revision` in retrieval.reranker_options."
        )
    return CrossEncoderReranker(config)


class CrossEncoderReranker:
    """A `Reranker` around a model in this process: one thread runs it, so the event loop is never
    held up, and only so many callers wait for that thread."""

    name = "cross_encoder"

    def __init__(self, config: CrossEncoderConfig) -> None:
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rerank")
        self._model: CrossEncoder | None = None
        self._callers = 0

    async def rerank(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        if not passages:
            return []
        if self._callers > self._config.max_queue:
            raise ProviderUnavailable("Too many searches wait for the reranker.", retry_after=2)
        pairs = [(_clean(query), _clean(passage)) for passage in passages]
        self._callers += 1
        try:
            async with asyncio.timeout(None if self._model else self._config.load_wait):
                # Who goes away before it is their turn leaves the queue, too.
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._relevance, pairs)
        except TimeoutError:
            raise ProviderUnavailable(
                "The reranking model is still loading; try again in a few seconds."
            ) from None
        finally:
            self._callers -= 1

    def _relevance(self, pairs: list[tuple[str, str]]) -> list[float]:
        """In the thread."""
        try:
            self._model = self._model or _load(self._config)
            found = _predict(self._model, pairs, self._config.batch)
        except ProviderError:
            raise
        except Exception as error:  # without its text, which may quote a passage
            raise ProviderUnavailable(
                f"The reranker `{self.name}` failed ({type(error).__name__}).", retry_after=30
            ) from None
        if not all(map(math.isfinite, found)):
            raise InvalidOutput(f"`{self._config.model}` answered relevances that are no numbers.")
        return found


def _predict(model: CrossEncoder, pairs: list[tuple[str, str]], batch: int) -> list[float]:
    """Each pair's relevance: the model's logit as a probability."""
    import torch

    found = model.predict(
        pairs, batch_size=batch, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False
    )
    return [float(value) for value in found]


def _load(config: CrossEncoderConfig) -> CrossEncoder:
    if not config.hub and not Path(config.model).is_dir():
        # Given a name, the hub's library would ask the hub even where it must not download.
        raise _not_there(config)
    import torch
    from sentence_transformers import CrossEncoder

    if config.threads:
        torch.set_num_threads(config.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    types = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
    try:
        model: CrossEncoder = CrossEncoder(
            config.model,
            device=config.device,
            revision=config.revision,
            local_files_only=not config.hub,
            model_kwargs={"dtype": types[config.precision]},
        )
    except (OSError, ValueError) as error:
        raise _not_there(config) from error
    _check_kind(config.model, model)
    model.max_seq_length = min(config.max_tokens, model.max_seq_length or config.max_tokens)
    return model


def _not_there(config: CrossEncoderConfig) -> ProviderNotConfigured:
    return ProviderNotConfigured(
        f"The reranking model `{config.model}` can't be loaded.",
        hint="Give its folder as `model` in retrieval.reranker_options, or `hub: true` and a "
        "`revision` to have it fetched.",
    )


def _check_kind(name: str, model: Any) -> None:
    """The library makes a cross-encoder of any model, with a last layer of random numbers."""
    if type(model[0].model).__name__ not in (model.config.architectures or ()):
        raise ProviderNotConfigured(
            f"`{name}` is no cross-encoder: it has no layer that answers a relevance."
        )
    if model.num_labels != 1:
        raise ProviderNotConfigured(
            f"`{name}` answers {model.num_labels} numbers; a reranker answers one."
        )


def _clean(text: str) -> str:
    """`text` as tokenizers take it: lone surrogates replaced, cut far beyond what is read."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
