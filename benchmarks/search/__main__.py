"""Searches over collections of several sizes, through a whole platform over HTTP.

    baukasten bench search
    baukasten bench search --sizes 10000,50000,500000 --texts pairs.json

Starts a platform of its own, gives a tenant a collection of each size, and searches it with one
client and with sixteen: authentication, embedding the query, both rankings, reading the best
passages, JSON. No network.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import httpx
from baukasten_serve.testing import Platform

from baukasten_core.build import build_embedder
from baukasten_core.plugins import PluginHost
from baukasten_core.settings import Settings, load_settings
from benchmarks.embedding.ours import api_key
from benchmarks.load import Request, run
from benchmarks.results import keep
from benchmarks.search.collection import Owner, Texts, fill

CLIENTS = (1, 16)


def measure(platform: Platform, texts: Texts, passages: int, seconds: float) -> dict[str, float]:
    """The figures of a new tenant's collection of this size."""
    settings = settings_of(platform)
    headers = api_key(platform.url)  # an access token would not last until all is filled
    space = build_embedder(settings, PluginHost.discover()).space
    fill(platform.owner_url(), space, owner_of(platform.url, headers), texts, passages)
    requests = [
        Request.post(
            f"{platform.url}/documents/search", headers, json.dumps({"query": query}).encode()
        )
        for query in texts.queries[:500]
    ]
    return figures(passages, requests, seconds)


def figures(passages: int, requests: Sequence[Request], seconds: float) -> dict[str, float]:
    one, many = (asyncio.run(run(requests, clients, seconds)) for clients in CLIENTS)
    return {
        "passages": passages,
        "p50_ms_at_1": round(one.p50_ms, 1),
        "p99_ms_at_1": round(one.p99_ms, 1),
        "searches_per_second_at_16": round(many.per_second, 1),
        "p50_ms_at_16": round(many.p50_ms, 1),
    }


def owner_of(url: str, headers: dict[str, str]) -> Owner:
    """Whose key it is, and a new project of theirs."""
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        me, tenants = (
            http.get(path).raise_for_status().json() for path in ("/auth/me", "/tenants")
        )
        body = {"name": "Benchmark", "type": "other"}
        project = http.post("/projects", json=body).raise_for_status().json()
    return Owner(UUID(tenants[0]["id"]), UUID(me["id"]), UUID(project["id"]))


def settings_of(platform: Platform) -> Settings:
    """The platform's own, secrets included."""
    return load_settings({"home": str(platform.home)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,50000")
    parser.add_argument("--texts", type=Path, help="pairs as `baukasten eval retrieval` takes them")
    parser.add_argument("--seconds", type=float, default=15)
    arguments = parser.parse_args()
    texts = Texts.read(arguments.texts) if arguments.texts else Texts.made()
    rows = []
    with Platform.temporary() as platform:
        platform.start()
        for size in map(int, arguments.sizes.split(",")):
            rows.append(measure(platform, texts, size, arguments.seconds))
            print(json.dumps(rows[-1]), flush=True)
    keep("search", {"cores": len(os.sched_getaffinity(0)), "rows": rows})


if __name__ == "__main__":
    main()
