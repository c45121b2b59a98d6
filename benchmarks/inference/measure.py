"""One level of concurrency: so many clients, each asks again when its answer is there."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

SUBJECTS = ("bees", "bridges", "clouds", "dough", "ferries", "glaciers", "hinges", "ink")


@dataclass(frozen=True)
class Target:
    """Any OpenAI-compatible address, and how it is asked. `prompt_words` make each question about
    so long; no two begin alike, so that no server answers from what it remembers."""

    url: str
    model: str
    headers: Mapping[str, str]
    prompt_words: int = 50
    max_tokens: int = 128

    def body(self, number: int) -> dict[str, Any]:
        subject = SUBJECTS[number % len(SUBJECTS)]
        words = [f"{number}.", *(f"{subject}{at}" for at in range(self.prompt_words))]
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": " ".join(words) + " Tell me about them."}],
            "max_tokens": self.max_tokens,
            "temperature": 1.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


@dataclass
class Level:
    """What was seen at one concurrency. Times in seconds."""

    clients: int
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failures: list[str] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)

    @property
    def requests_per_second(self) -> float:
        return len(self.wholes) / self.seconds

    @property
    def tokens_per_second(self) -> float:
        """Of answers."""
        return self.completion_tokens / self.seconds

    def document(self) -> dict[str, Any]:
        """For JSON: milliseconds, medians and the slowest hundredth."""
        return {
            "clients": self.clients,
            "requests": len(self.wholes),
            "failures": len(self.failures),
            "requests_per_second": round(self.requests_per_second, 3),
            "tokens_per_second": round(self.tokens_per_second, 1),
            "prompt_tokens_per_second": round(self.prompt_tokens / self.seconds, 1),
            "first_token_ms": _spread(self.firsts),
            "between_tokens_ms": _spread(self.gaps),
            "answer_ms": _spread(self.wholes),
        }


async def measure(target: Target, clients: int, seconds: float, begin_at: int = 0) -> Level:
    """Questions are begun for `seconds`; those under way are waited for and count."""
    level, numbers = Level(clients), iter(range(begin_at, 10**9))
    limits, timeout = httpx.Limits(max_connections=None), httpx.Timeout(None, connect=10)
    async with httpx.AsyncClient(limits=limits, timeout=timeout, headers=target.headers) as http:
        began = time.perf_counter()

        async def client() -> None:
            while time.perf_counter() - began < seconds:
                await _ask(http, target, next(numbers), level)

        await asyncio.gather(*(client() for _ in range(clients)))
        level.seconds = time.perf_counter() - began
    return level


async def _ask(http: httpx.AsyncClient, target: Target, number: int, level: Level) -> None:
    asked, last = time.perf_counter(), 0.0
    url, body = f"{target.url}/chat/completions", target.body(number)
    try:
        async with http.stream("POST", url, json=body) as response:
            if response.is_error:
                text = (await response.aread())[:200].decode(errors="replace")
                level.failures.append(f"{response.status_code}: {text}")
                await asyncio.sleep(1)  # who refuses at once is not asked a thousand times a second
                return
            usage: Mapping[str, Any] | None = None
            async for line in response.aiter_lines():
                if not line.startswith("data:") or line.endswith("[DONE]"):
                    continue
                chunk = json.loads(line[5:])
                if "error" in chunk:
                    level.failures.append(str(chunk["error"])[:200])
                    return
                usage = chunk.get("usage") or usage
                if _has_text(chunk):
                    now = time.perf_counter()
                    (level.gaps if last else level.firsts).append(now - (last or asked))
                    last = now
    except httpx.HTTPError as error:
        level.failures.append(repr(error))
        return
    level.wholes.append(time.perf_counter() - asked)
    if usage is not None:
        level.prompt_tokens += int(usage["prompt_tokens"])
        level.completion_tokens += int(usage["completion_tokens"])


def _has_text(chunk: Mapping[str, Any]) -> bool:
    return any(choice.get("delta", {}).get("content") for choice in chunk.get("choices") or ())


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    slowest = statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]
    return {"p50": round(statistics.median(values) * 1e3, 1), "p99": round(slowest * 1e3, 1)}
