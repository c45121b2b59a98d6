"""Embedding: in process and over HTTP, beside its peers and the machine's ceiling, in one run.

    baukasten bench embedding --texts retrieval_en.json
    baukasten bench embedding --texts retrieval_en.json --gpu

512 texts of about 137 tokens go through each engine in turn, round after round, and then through
each server, while the others are idle; the load generator shares the cores with what it measures.
Peers are measured on every second text, so that a round does not take too long. The figures are
medians.

With `--gpu` it is the GPU alone, in this process: the same texts, many times over.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from baukasten_core.providers.embedding import openvino, sentence_transformers
from baukasten_core.providers.embedding.cores import usable_cores
from baukasten_core.providers.embedding.weights import LocalModelConfig
from benchmarks.embedding.machine import ceilings, flops_a_token
from benchmarks.embedding.measure import (
    Embed,
    Server,
    Vectors,
    in_process,
    lowest_cosine,
    one_query,
    over_http,
)
from benchmarks.embedding.plot import svg
from benchmarks.embedding.report import IN_PROCESS, ON_GPU, OURS, PEERS, REFERENCE, SHAPES, Report
from benchmarks.embedding.texts import Texts, load
from benchmarks.results import keep

Engines = dict[tuple[str, str], Embed]
"""What computes in this process, by (who, how)."""

PATIENCE = 300.0
COMPARED = 64
"""Texts whose vectors are compared with those of the reference."""

GPU_TIMES = 32
"""A GPU is done with the texts before it is warm: so many times over."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="baukasten bench embedding",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--texts", type=Path, help='{"docs": [{"text": ...}, ...]}')
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="Baukasten and the ceiling alone")
    parser.add_argument("--gpu", action="store_true", help="the GPU alone, in this process")
    parser.add_argument("--name", default="embedding", help="of the files in benchmarks/results")
    arguments = parser.parse_args()
    texts = load(arguments.texts)
    if arguments.gpu:
        texts = texts.times(GPU_TIMES)
    model, peers = LocalModelConfig().path, not arguments.no_peers
    report = Report(texts.source, texts.mean, flops_a_token(model))
    engines = _on_gpu(model) if arguments.gpu else _on_cpu(model, peers=peers)
    reference = asyncio.run(_alone(report, texts, engines, arguments.rounds))
    if not arguments.gpu:
        with ExitStack() as stack:
            servers = _servers(stack, model, peers=peers)
            asyncio.run(_over_http(report, texts, servers, reference, arguments.rounds))
    print(report.table())
    keep(arguments.name, report.document(), svg(report))


def _on_cpu(model: Path, *, peers: bool) -> Engines:
    provider = openvino.build(openvino.OpenVinoConfig(load_wait=PATIENCE))
    engines: Engines = {(OURS, IN_PROCESS): provider.embed}
    return engines | ({(REFERENCE, IN_PROCESS): _plain(model, "cpu")} if peers else {})


def _on_gpu(model: Path) -> Engines:
    config = sentence_transformers.SentenceTransformersConfig(device="cuda", load_wait=PATIENCE)
    return {
        (OURS, ON_GPU): sentence_transformers.build(config).embed,
        (REFERENCE, ON_GPU): _plain(model, "cuda"),
    }


def _servers(stack: ExitStack, model: Path, *, peers: bool) -> dict[str, Server]:
    # Imported here: a machine with a GPU alone needs none of it.
    from benchmarks.embedding.ours import platform
    from benchmarks.peers.infinity import infinity

    servers = {OURS: stack.enter_context(platform())}
    if peers:
        torch_peer, int8_peer = PEERS
        servers[torch_peer] = Server(*stack.enter_context(infinity("torch", model)))
        servers[int8_peer] = Server(*stack.enter_context(infinity("optimum", model)))
    return servers


def _plain(model: Path, device: str) -> Embed:
    """sentence-transformers as its documentation has it."""
    torch.set_num_threads(usable_cores())
    loaded = SentenceTransformer(str(model), device=device, local_files_only=True)

    async def embed(texts: Sequence[str]) -> Vectors:
        return np.asarray(loaded.encode(list(texts), show_progress_bar=False))

    return embed


async def _alone(report: Report, texts: Texts, engines: Engines, rounds: int) -> Vectors:
    """The ceiling and the engines, while no server runs. Answers what sentence-transformers in f32
    makes of the first texts."""
    part = texts.texts[:COMPARED]
    reference = await _plain(LocalModelConfig().path, "cpu")(part)
    for (who, how), embed in engines.items():  # all are loaded and warm after it
        report.cosines[f"{who}, {how}"] = lowest_cosine(reference, await embed(part))
    for number in range(1, rounds + 1):
        print(f"in process, round {number} of {rounds}", flush=True)
        report.add_ceilings(ceilings())
        for (who, how), embed in engines.items():
            measured = texts.half() if who == REFERENCE else texts
            report.add_rate(who, how, await in_process(embed, measured))
    return reference


async def _over_http(
    report: Report, texts: Texts, servers: dict[str, Server], reference: Vectors, rounds: int
) -> None:
    part = texts.texts[:COMPARED]
    for who, server in servers.items():
        cosine = lowest_cosine(reference, await server.embed(part))
        report.cosines[f"{who}, over HTTP"] = cosine
    for number in range(1, rounds + 1):
        print(f"over HTTP, round {number} of {rounds}", flush=True)
        for who, server in servers.items():
            measured = texts if who == OURS else texts.half()
            for how, (clients, size) in SHAPES.items():
                rate = await over_http(server, measured, clients=clients, size=size)
                report.add_rate(who, how, rate)
            report.add_query(who, (await one_query(server)).p50_ms)


if __name__ == "__main__":
    main()
