"""Rates: one pass over the texts, in one process or by many clients over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.embedding.texts import Texts
from benchmarks.load import Connection, Request, Result, run

QUERY = "How long may invoices be kept?"
Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]


@dataclass(frozen=True)
class Server:
    """A server that speaks OpenAI's `/v1/embeddings`."""

    url: str
    model: str
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, texts: Sequence[str]) -> Request:
        body = {"model": self.model, "input": list(texts)}
        return Request.post(f"{self.url}/embeddings", self.headers, json.dumps(body).encode())

    async def embed(self, texts: Sequence[str]) -> Vectors:
        connection = Connection()
        answer = json.loads(await connection.send(self.request(texts)))
        connection.close()
        rows = [item["embedding"] for item in answer["data"]]
        return np.array([_floats(row) for row in rows], dtype=np.float32)


def _floats(row: list[float] | str) -> Sequence[float] | Vectors:
    return np.frombuffer(base64.b64decode(row), "<f4") if isinstance(row, str) else row


async def in_process(embed: Embed, texts: Texts) -> float:
    """Tokens a second of all texts given at once."""
    began = time.perf_counter()
    await embed(texts.texts)
    return sum(texts.tokens) / (time.perf_counter() - began)


async def over_http(server: Server, texts: Texts, *, clients: int, size: int) -> float:
    """Tokens a second of `clients` that each send their next `size` texts when the answer to the
    last has come, until all texts are done; in an order of no meaning, the same each time."""
    order = list(texts.texts)
    random.Random(1).shuffle(order)
    requests = iter([server.request(order[at : at + size]) for at in range(0, len(order), size)])

    async def client() -> None:
        connection = Connection()
        for request in requests:
            await connection.send(request)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return sum(texts.tokens) / (time.perf_counter() - began)


async def one_query(server: Server, seconds: float = 3) -> Result:
    """The latency of one short text alone, again and again."""
    return await run(server.request([QUERY]), 1, seconds, warmup=0.5)


def lowest_cosine(left: Vectors, right: Vectors) -> float:
    """Between rows of the same place; peers may answer rows that are not of unit length."""
    products = (left * right).sum(axis=1)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float((products / lengths).min())
