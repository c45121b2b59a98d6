"""The machine's ceiling: how fast it multiplies matrices, and what of it the model needs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from baukasten_core.providers.embedding.cores import has_bf16, usable_cores

SHAPES = ((2048, 2048, 2048), (4096, 384, 1536), (4096, 1536, 384))
"""A large product, at which libraries are fastest, and the model's own."""

SECONDS = 0.5
"""For each library and shape."""

Multiply = Callable[[int, int, int], Callable[[], object]]


def flops_a_token(model: Path) -> float:
    """Multiplications and additions of the model's matrices for one token; attention, which
    depends on the length, comes on top."""
    config = json.loads((model / "config.json").read_text())
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    return float(config["num_hidden_layers"] * 2 * (4 * hidden**2 + 2 * hidden * inner))


def ceilings() -> dict[str, float]:
    """FLOP/s by precision, the best of the libraries and shapes, on the cores we may use."""
    torch.set_num_threads(usable_cores())
    found = {"f32": max(_best(_torch("cpu", torch.float32)), _best(_numpy))}
    if has_bf16():
        found["bf16"] = _best(_torch("cpu", torch.bfloat16))
    if torch.cuda.is_available():
        found["gpu"] = _best(_torch("cuda", torch.bfloat16), scale=8)
    return found


def _torch(device: str, precision: torch.dtype) -> Multiply:
    def prepare(m: int, k: int, n: int) -> Callable[[], object]:
        left = torch.randn(m, k, device=device).to(precision)
        right = torch.randn(k, n, device=device).to(precision)

        def once() -> None:
            torch.matmul(left, right)
            if device == "cuda":
                torch.cuda.synchronize()

        return once

    return prepare


def _numpy(m: int, k: int, n: int) -> Callable[[], object]:
    chance = np.random.default_rng(0)
    left = chance.standard_normal((m, k), dtype=np.float32)
    right = chance.standard_normal((k, n), dtype=np.float32)
    return lambda: left @ right


def _best(multiply: Multiply, scale: int = 1) -> float:
    return max(_rate(multiply, m * scale, k, n) for m, k, n in SHAPES)


def _rate(multiply: Multiply, m: int, k: int, n: int) -> float:
    """The median of what half a second shows."""
    once = multiply(m, k, n)
    once()
    rates: list[float] = []
    until = time.perf_counter() + SECONDS
    while (begin := time.perf_counter()) < until:
        once()
        rates.append(2.0 * m * k * n / (time.perf_counter() - begin))
    return statistics.median(rates)
