"""What was measured, and what follows from it."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

OURS, REFERENCE = "Baukasten", "sentence-transformers"
PEERS = ("infinity torch", "infinity ONNX int8")
IN_PROCESS, ON_GPU = "in process", "in process, GPU"
SHAPES = {"64 clients of 1": (64, 1), "4 clients of 32": (4, 32)}
CEILING = "matrix-product ceiling"

Row = tuple[str, str]
"""(who, how)"""


@dataclass
class Report:
    """Tokens a second of each row and round; milliseconds of one query; FLOP/s of the machine."""

    source: str
    tokens_a_text: float
    flops_a_token: float
    rates: dict[Row, list[float]] = field(default_factory=dict)
    queries: dict[str, list[float]] = field(default_factory=dict)
    cosines: dict[str, float] = field(default_factory=dict)
    flops: dict[str, list[float]] = field(default_factory=dict)

    def add_rate(self, who: str, how: str, tokens_a_second: float) -> None:
        self.rates.setdefault((who, how), []).append(tokens_a_second)

    def add_query(self, who: str, milliseconds: float) -> None:
        self.queries.setdefault(who, []).append(milliseconds)

    def add_ceilings(self, flops: Mapping[str, float]) -> None:
        """Of one round; the best precision of each device, as tokens a second, is its ceiling."""
        for precision, value in flops.items():
            self.flops.setdefault(precision, []).append(value)
        on_cpu = max(value for precision, value in flops.items() if precision != "gpu")
        self.add_rate(CEILING, IN_PROCESS, on_cpu / self.flops_a_token)
        if "gpu" in flops:
            self.add_rate(CEILING, ON_GPU, flops["gpu"] / self.flops_a_token)

    def medians(self) -> dict[Row, float]:
        """Tokens a second."""
        return {row: statistics.median(values) for row, values in self.rates.items()}

    def ratios(self) -> dict[str, float]:
        """What we promise: medians of the ratios within a round."""
        ours = (OURS, IN_PROCESS)
        pairs: list[tuple[str, Row, Row]] = [
            ("in process to the ceiling", ours, (CEILING, IN_PROCESS)),
            (f"in process to {REFERENCE}", ours, (REFERENCE, IN_PROCESS)),
            ("on the GPU to its ceiling", (OURS, ON_GPU), (CEILING, ON_GPU)),
            (f"on the GPU to {REFERENCE}", (OURS, ON_GPU), (REFERENCE, ON_GPU)),
        ]
        for how in SHAPES:
            pairs.append((f"{how} to in process", (OURS, how), ours))
            pairs += [(f"{how} to {peer}", (OURS, how), (peer, how)) for peer in PEERS]
        return {
            name: statistics.median(
                a / b for a, b in zip(self.rates[left], self.rates[right], strict=True)
            )
            for name, left, right in pairs
            if left in self.rates and right in self.rates
        }

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "machine": machine(),
            "texts": self.source,
            "tokens_a_text": round(self.tokens_a_text, 1),
            "megaflop_a_token": round(self.flops_a_token / 1e6, 2),
            "gigaflops": {
                name: round(statistics.median(values) / 1e9, 1)
                for name, values in self.flops.items()
            },
            "rows": [
                {
                    "who": who,
                    "how": how,
                    "texts_per_second": round(rate / self.tokens_a_text, 1),
                    "tokens_per_second": round(rate),
                    "rounds": [round(value) for value in self.rates[who, how]],
                }
                for (who, how), rate in self.medians().items()
            ],
            "ratios": {name: round(value, 3) for name, value in self.ratios().items()},
            "lowest_cosine_to_f32": {who: round(v, 5) for who, v in self.cosines.items()},
            "one_query_p50_ms": {
                who: round(statistics.median(v), 2) for who, v in self.queries.items()
            },
        }

    def table(self) -> str:
        """For a terminal."""
        lines = [f"{'':<24}{'':<18}{'texts/s':>9}{'tokens/s':>10}"]
        lines += [
            f"{who:<24}{how:<18}{rate / self.tokens_a_text:>9.1f}{rate:>10.0f}"
            for (who, how), rate in self.medians().items()
        ]
        document = self.document()
        for title in ("ratios", "lowest_cosine_to_f32", "one_query_p50_ms", "gigaflops"):
            lines += ["", title.replace("_", " ")]
            lines += [f"  {name:<46}{value:>10}" for name, value in document[title].items()]
        return "\n".join(lines)


def machine() -> str:
    """The processor, as it calls itself, and the GPU if there is one."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return _processor() + gpu


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.machine()
