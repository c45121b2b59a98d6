"""all-MiniLM-L6-v2 and its like on a CPU, by OpenVINO.

The model is converted once, in a process of its own, and kept as OpenVINO's own format in a
folder; later starts import neither torch nor transformers. Where the CPU multiplies bfloat16
natively that is what it computes in (cosine to float32 above 0.9999, at twice the speed).
"""

from __future__ import annotations

import fcntl
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
import platformdirs
from pydantic import Field

from baukasten_core.contracts.embedding import TextOrTokens
from baukasten_core.errors import ProviderNotConfigured
from baukasten_core.providers.embedding.cores import has_bf16, usable_cores
from baukasten_core.providers.embedding.tokens import Tokenizer, Tokens, padded
from baukasten_core.providers.embedding.vectors import Vectors, unit_rows
from baukasten_core.providers.embedding.weights import LocalModelConfig, check_weights, space_of
from baukasten_core.providers.embedding.worker import LocalEmbedder

CONVERT_SECONDS = 300
BATCH_TOKENS = 1024
"""For one core: more is hardly faster, and a query would wait longer behind it."""

SMALL_TOKENS = 64
"""Up to which all cores work on one batch: a short question, which somebody waits for."""


class OpenVinoConfig(LocalModelConfig):
    """The default embedding engine."""

    cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("baukasten") / "models",
        description="Folder where the converted model is kept.",
    )
    precision: Literal["auto", "bf16", "f32"] = Field(
        "auto", description="`auto`: bf16 where the CPU has it natively, else f32."
    )


def build(config: OpenVinoConfig) -> LocalEmbedder:
    """The provider; nothing is loaded before its first use."""
    return LocalEmbedder(
        "openvino",
        space_of("openvino", config),
        lambda: OpenVinoEngine(config),
        load_wait=config.load_wait,
        max_queue=config.max_queue,
    )


class OpenVinoEngine:
    """A compiled model and its tokenizer.

    Each core works on a batch of its own, because cores that share one wait for one another, and
    all of them for whichever has something else to do. Small batches alone are shared.
    """

    def __init__(self, config: OpenVinoConfig) -> None:
        import tokenizers

        folder = check_weights(config)
        self.batch_tokens = config.batch_tokens or BATCH_TOKENS
        self.lanes = config.threads or usable_cores()
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer = Tokenizer(tokenizer, config.max_tokens)
        self._most = config.max_tokens
        model = converted(config, folder)
        self._own = _requests(model, config, threads=self.lanes, at_a_time=self.lanes)
        self._shared = _requests(model, config, threads=self.lanes, at_a_time=1)
        # Two threads that are OpenVINO's first callers wait for each other for ever.
        self.encode([self._tokenizer([""])[0].ids])

    def tokenize(self, inputs: Sequence[TextOrTokens]) -> list[Tokens]:
        return self._tokenizer(inputs)

    def encode(self, batch: Sequence[Sequence[int]]) -> Vectors:
        ids, mask = padded(batch, self._most)
        requests = self._shared if ids.size <= SMALL_TOKENS else self._own
        request = requests.get()
        try:
            # The inputs are copied: a request that shares them would keep pointing to memory that
            # is gone, and crash. The output is its own, and read before it runs again.
            inputs = {"input_ids": ids, "attention_mask": mask}
            hidden = request.infer(inputs, share_outputs=True)[0]
            # Mean over the real tokens; the division by their number is undone by the scaling.
            return unit_rows((mask[:, None, :].astype(np.float32) @ hidden)[:, 0])
        finally:
            requests.put(request)


def converted(config: OpenVinoConfig, folder: Path) -> Path:
    """The converted model's file; made now if it is not there."""
    revision = space_of("openvino", config).id
    target = config.cache / f"{config.model.replace('/', '_')}-{revision}-2.xml"
    if target.exists():
        return target
    config.cache.mkdir(parents=True, exist_ok=True)
    with (config.cache / "convert.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _convert(folder, target)
    return target


def _convert(folder: Path, target: Path) -> None:
    """In a process of its own: torch would stay in this one's memory for ever."""
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        made = Path(temporary) / target.name
        command = [sys.executable, "-m", f"{__package__}.convert", str(folder), str(made)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=CONVERT_SECONDS, check=False
        )
        if done.returncode:
            raise ProviderNotConfigured(
                f"The model in {folder} could not be converted for OpenVINO: "
                f"{done.stderr.decode(errors='replace').strip().splitlines()[-1:]}",
                hint="Use the provider `sentence_transformers`, or another model.",
            )
        # The description names its weights by its own name, so the weights move first.
        made.with_suffix(".bin").rename(target.with_suffix(".bin"))
        made.rename(target)


def _requests(
    model: Path, config: OpenVinoConfig, *, threads: int, at_a_time: int
) -> SimpleQueue[Any]:
    """The model compiled, as the inferences that may run at a time."""
    core = load_openvino().Core()
    options = {
        "INFERENCE_PRECISION_HINT": _precision(core, config),
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": at_a_time,
        # Pinned threads of two replicas would share the same cores and leave others idle.
        "ENABLE_CPU_PINNING": False,
        # Attention as plain products and a softmax: fused into one kernel it is 2 % slower.
        "SNIPPETS_MODE": "DISABLE",
    }
    compiled = core.compile_model(str(model), "CPU", options)
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(at_a_time):
        requests.put(compiled.create_infer_request())
    return requests


def _precision(core: Any, config: OpenVinoConfig) -> str:
    if config.precision != "auto":
        return config.precision
    able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if able and has_bf16() else "f32"


def load_openvino() -> Any:
    """The library, without its telemetry.

    Importing openvino sends an event to Google Analytics unless its telemetry package can't be
    imported; then it falls back to a stub of its own.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")
