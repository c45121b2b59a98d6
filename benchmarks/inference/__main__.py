"""How much a model gives, over any address that speaks OpenAI's protocol: the platform with one of
its routes, Ollama, vLLM, a vendor.

    baukasten bench inference --model fast                      # the platform you are signed in to
    baukasten bench inference --url http://127.0.0.1:8001/v1 --model llama-3 --key none

The number of clients doubles until more of them bring no more tokens a second. Time to the first
token, time between tokens and throughput are of streamed answers; tokens as the server counts them.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from benchmarks.inference.measure import Level, Target, measure
from benchmarks.inference.report import document, svg, table
from benchmarks.results import keep

ENOUGH = 1.05
"""A level that brings less than this much more than the best before it is the last."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="baukasten bench inference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="up to `/v1`; by default the platform you are signed in to")
    parser.add_argument("--key", default=os.environ.get("BAUKASTEN_TOKEN"), help="a key or token")
    parser.add_argument("--model", default="", help="a model, `instance/model`, or a route")
    parser.add_argument("--prompt-words", type=int, default=50)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level")
    parser.add_argument("--most-clients", type=int, default=256)
    parser.add_argument("--name", default="inference.local", help="of the files in results")
    arguments = parser.parse_args()
    url, key = _where(arguments.url, arguments.key)
    target = Target(
        url,
        arguments.model,
        {"Authorization": f"Bearer {key}"},
        arguments.prompt_words,
        arguments.max_tokens,
    )
    levels = asyncio.run(rising(target, arguments.seconds, arguments.most_clients))
    about = {
        "model": arguments.model,
        "prompt_words": arguments.prompt_words,
        "max_tokens": arguments.max_tokens,
    }
    print(table(levels))
    for failure in {failure for level in levels for failure in level.failures[:3]}:
        print(f"failed: {failure}")
    title = f"Tokens a second: {arguments.model or 'the default model'}"
    keep(arguments.name, document(levels, about), svg(levels, title))


async def rising(target: Target, seconds: float, most_clients: int) -> list[Level]:
    """One level after the other, until it saturates or does nothing but fail."""
    levels: list[Level] = []
    clients = 1
    while clients <= most_clients:
        print(f"{clients} clients ...", flush=True)
        best = max((level.tokens_per_second for level in levels), default=0.0)
        level = await measure(target, clients, seconds, begin_at=clients * 1_000_000)
        levels.append(level)
        if level.tokens_per_second < best * ENOUGH or not level.wholes:
            break
        clients *= 2
    return levels


def _where(url: str | None, key: str | None) -> tuple[str, str]:
    if url is not None:
        return url.rstrip("/"), key or "none"
    from baukasten_core.cli.client import load_credentials

    found = load_credentials()
    return f"{found.url.rstrip('/')}/v1", key or found.access_token


if __name__ == "__main__":
    main()
