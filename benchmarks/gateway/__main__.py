"""The LLM gateway beside LiteLLM's proxy and Portkey's gateway, in one run.

    baukasten bench gateway

All stand before the same upstream, which answers at once with canned words, and have one process
to do it with; ours checks the key, the limits, where the data may go, and records the usage. They
are measured in turn, round after round, while the others are idle; the load generator shares the
cores with what it measures. The figures are medians. Peers are installed once, from PyPI and npm.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack

from benchmarks.gateway.report import Report
from benchmarks.gateway.servers import DIRECT, Server, ours, peers, upstream
from benchmarks.gateway.streams import at_the_same_time, one_after_the_other
from benchmarks.load import run
from benchmarks.results import keep

CLIENTS = (1, 16)
STREAMS = 64
SHORT_RUN, LONG_RUN = 20_000, 200_000
AT_ONCE = "canned-1-0"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="baukasten bench gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--no-peers", action="store_true", help="Baukasten alone")
    parser.add_argument("--no-memory", action="store_true", help="without the long run")
    parser.add_argument("--name", default="gateway", help="of the files in benchmarks/results")
    arguments = parser.parse_args()
    report = Report()
    with ExitStack() as stack:
        address = stack.enter_context(upstream())
        servers = [Server(DIRECT, address, {}), stack.enter_context(ours(address))]
        if not arguments.no_peers:
            servers += stack.enter_context(peers(address))
        asyncio.run(_measure(report, servers, arguments.rounds, arguments.seconds))
        if not arguments.no_memory:
            asyncio.run(_memory(report, servers[1]))
    print(report.table())
    keep(arguments.name, report.document(), report.svg())


async def _measure(report: Report, servers: list[Server], rounds: int, seconds: float) -> None:
    for number in range(1, rounds + 1):
        for clients in CLIENTS:
            for server in servers:
                print(f"round {number} of {rounds}: {server.name}, {clients} clients", flush=True)
                report.add(server.name, await run(server.chat(AT_ONCE), clients, seconds))
    for server in servers[:2]:
        print(f"streams: {server.name}", flush=True)
        short, long = (
            server.chat("canned-20-0", stream=True),
            server.chat("canned-500-50", stream=True),
        )
        report.first[server.name] = await one_after_the_other(short, 200)
        report.many[server.name] = await at_the_same_time(long, STREAMS)


async def _memory(report: Report, server: Server) -> None:
    request, done = server.chat(AT_ONCE), 0
    for count in (SHORT_RUN, LONG_RUN):
        while done < count:
            print(f"memory: {done} of {LONG_RUN} requests", flush=True)
            done += (await run(request, 16, 10.0, warmup=0.0)).requests
        report.memory_mib[count] = server.memory_mib


if __name__ == "__main__":
    main()
