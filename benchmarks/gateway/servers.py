"""Who is measured: the platform as it ships, and its peers, before the same upstream."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from baukasten_serve.testing import Platform

from benchmarks.embedding.ours import api_key
from benchmarks.gateway.upstream import MODELS
from benchmarks.load import Request
from benchmarks.peers.litellm import litellm
from benchmarks.peers.portkey import portkey

OURS, PORTKEY, LITELLM, DIRECT = "Baukasten", "Portkey", "LiteLLM", "no gateway"
QUESTION = "When are invoices sent, and to whom?"
ON = {
    # Limits that nobody reaches, so that each call is counted against them.
    "BAUKASTEN_LLM_LIMITS": {
        "requests_per_minute": 10**9,
        "tokens_per_minute": 10**12,
        "tokens_per_month": 10**15,
        "money_per_month": 10**9,
    },
    "BAUKASTEN_LLM_PRICES": {"canned": {"prompt": 1.0, "completion": 3.0}},
    "BAUKASTEN_LLM_CHAIN": ["canned"],
}


@dataclass(frozen=True)
class Server:
    """An OpenAI-compatible address; `prefix` goes before a model's name, `pid` is the process
    that does the work."""

    name: str
    url: str
    headers: dict[str, str]
    prefix: str = ""
    pid: int = 0

    def chat(self, model: str, *, stream: bool = False) -> Request:
        body = {
            "model": self.prefix + model,
            "messages": [{"role": "user", "content": QUESTION}],
            "max_tokens": 100,
            **({"stream": True} if stream else {}),
        }
        url = f"{self.url}/chat/completions"
        return Request.post(url, self.headers, json.dumps(body).encode())

    @property
    def memory_mib(self) -> float:
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


@contextmanager
def upstream() -> Iterator[str]:
    """The canned upstream's address."""
    command = [sys.executable, "-m", "benchmarks.gateway.upstream"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


@contextmanager
def ours(address: str) -> Iterator[Server]:
    """`baukasten up` with key check, limits, prices, residency and usage on."""
    canned = {"provider": "openai_compatible", "base_url": address, "region": "local"}
    settings = {**ON, "BAUKASTEN_LLM_INSTANCES": {"canned": canned}}
    with Platform.temporary() as platform:
        platform.environment = {name: json.dumps(value) for name, value in settings.items()}
        platform.start()
        headers = api_key(platform.url, ["llm"])
        yield Server(OURS, f"{platform.url}/v1", headers, "canned/", _replica())
        platform.stop()


@contextmanager
def peers(address: str) -> Iterator[list[Server]]:
    """Portkey's gateway and LiteLLM's proxy, a process each."""
    with portkey(address) as first, litellm(address, MODELS) as second:
        yield [
            Server(PORTKEY, *first[:2], pid=first[2]),
            Server(LITELLM, *second[:2], pid=second[2]),
        ]


def _replica() -> int:
    """The process of the newest replica of the application `gateway`."""
    found = [
        process
        for process in psutil.process_iter(["cmdline", "create_time"])
        if "ServeReplica:gateway" in " ".join(process.info["cmdline"] or [])
    ]
    return int(max(found, key=lambda process: process.info["create_time"]).pid)
