"""Short documents through the API until each can be searched, beside the embedder's own rate.

    baukasten bench ingest --texts retrieval_en.json

Starts a platform of its own. The documents are sent one by one, then, into another project, many at
a time, round after round. The embedder's rate is that of `/v1/embeddings` over a part of the same
texts, by a few clients of many texts each, before and after; the rate of ingestion counts from the
first upload until the last document is ready. The figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from baukasten_serve.testing import Platform

from benchmarks.embedding.ours import api_key
from benchmarks.load import Connection, Request
from benchmarks.results import keep

COUNT = 5_000
UPLOADERS = 8
EMBEDDED_AT_ONCE = 32
WAYS = {"one by one": 1, "100 at a time": 100}
"""How many documents are in a request."""

PATIENCE = 1_800.0


def made(count: int) -> list[str]:
    """Texts of some sixty words, no two alike."""
    sentence = (
        "Part {} of series {} stands on shelf {}, and its paper number {} says how it is used."
    )
    return [
        " ".join(sentence.format(n, number, n * number, n + number) for n in range(4))
        for number in range(count)
    ]


def read(path: Path, count: int) -> list[str]:
    """The first texts of `path` (`{"docs": [{"text": ...}, ...]}`) that are not the same."""
    documents = json.loads(path.read_text())["docs"]
    return list(dict.fromkeys(document["text"] for document in documents))[:count]


async def in_turn(requests: Sequence[Request], clients: int) -> float:
    """Seconds until `clients` have sent all requests, each its next when one was answered."""
    waiting = iter(requests)

    async def client() -> None:
        connection = Connection()
        for request in waiting:
            await connection.send(request)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - began


def embedded(url: str, headers: dict[str, str], texts: Sequence[str]) -> float:
    """Texts a second."""
    requests = [
        Request.post(f"{url}/v1/embeddings", headers, json.dumps({"input": list(part)}).encode())
        for part in (
            texts[at : at + EMBEDDED_AT_ONCE] for at in range(0, len(texts), EMBEDDED_AT_ONCE)
        )
    ]
    return len(texts) / asyncio.run(in_turn(requests, 4))


def requests_of(
    url: str, headers: dict[str, str], texts: Sequence[str], project: str, at_once: int
) -> list[Request]:
    """What puts the texts into a project, `at_once` in each request."""

    def request(path: str, body: dict[str, Any]) -> Request:
        content = json.dumps({**body, "project_id": project}).encode()
        return Request.post(f"{url}{path}", headers, content)

    if at_once == 1:
        return [request("/documents/text", {"content": text}) for text in texts]
    parts = (texts[at : at + at_once] for at in range(0, len(texts), at_once))
    return [
        request("/documents/texts", {"texts": [{"content": text} for text in part]})
        for part in parts
    ]


def ingested(
    url: str, headers: dict[str, str], texts: Sequence[str], at_once: int
) -> dict[str, float]:
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        body = {"name": "Benchmark", "type": "other"}
        project = http.post("/projects", json=body).raise_for_status().json()["id"]
        began = time.perf_counter()
        requests = requests_of(url, headers, texts, project, at_once)
        uploading = asyncio.run(in_turn(requests, UPLOADERS))
        while (found := totals(http, project)).get("ready", 0) < len(texts):
            if found.get("failed") or time.perf_counter() - began > PATIENCE:
                raise SystemExit(f"not all documents became ready: {found}")
            time.sleep(0.2)
        seconds = time.perf_counter() - began
    return {
        "uploaded_per_second": len(texts) / uploading,
        "searchable_per_second": len(texts) / seconds,
    }


def totals(http: httpx.Client, project: str) -> dict[str, int]:
    """How many documents of the project have each status."""
    found: dict[str, int] = http.get(f"/projects/{project}").raise_for_status().json()["documents"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    count = arguments.count
    texts = read(arguments.texts, count) if arguments.texts else made(count)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    with Platform.temporary() as platform:
        platform.start()
        headers = api_key(platform.url)
        before = embedded(platform.url, headers, texts[:1_000])
        for _ in range(arguments.rounds):
            for name, at_once in WAYS.items():
                row = ingested(platform.url, headers, texts, at_once)
                after = embedded(platform.url, headers, texts[:1_000])
                embedder = (before + after) / 2
                share = row["searchable_per_second"] / embedder
                row |= {"embedded_per_second": embedder, "of_the_embedders_rate": share}
                print(name, {key: round(value, 3) for key, value in row.items()}, flush=True)
                rounds[name].append(row)
                before = after
        platform.stop()
    found = {
        "cores": len(os.sched_getaffinity(0)),
        "documents": len(texts),
        **{name: _medians(rows) for name, rows in rounds.items()},
    }
    print(json.dumps(found, indent=2))
    keep("ingest", found)


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


if __name__ == "__main__":
    main()
