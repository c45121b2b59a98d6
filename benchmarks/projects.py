"""`GET /projects` with a valid token, through the whole platform.

    baukasten up &
    python -m benchmarks.projects --url http://127.0.0.1:8000

Signs up a user with ten projects, then lists them: authentication, one transaction under
row-level security, JSON. Reports the median of several runs.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics

from baukasten_core.testing.people import Person
from benchmarks.load import Request, Result, run
from benchmarks.results import keep

PROJECTS = 10


def sign_up(url: str) -> dict[str, str]:
    """A new user with projects; answers the headers that authenticate."""
    with Person.register(url, password=secrets.token_urlsafe(16)) as person:
        for number in range(PROJECTS):
            person.project(name=f"Project {number}")
        return {"Authorization": person.http.headers["Authorization"]}


async def measure(url: str, seconds: float, repeats: int) -> list[Result]:
    """At one connection and at sixteen, in turn."""
    request = Request.get(f"{url}/projects", sign_up(url))
    return [
        await run(request, connections, seconds) for _ in range(repeats) for connections in (1, 16)
    ]


def report(results: list[Result]) -> dict[str, float]:
    """Medians over the repeats."""
    one = [result for result in results if result.connections == 1]
    many = [result for result in results if result.connections == 16]
    return {
        "p50_ms_at_1": round(statistics.median(r.p50_ms for r in one), 2),
        "requests_per_second_at_16": round(statistics.median(r.per_second for r in many), 1),
        "p50_ms_at_16": round(statistics.median(r.p50_ms for r in many), 2),
        "p99_ms_at_16": round(statistics.median(r.p99_ms for r in many), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    figures = report(asyncio.run(measure(arguments.url, arguments.seconds, arguments.repeats)))
    for name, value in figures.items():
        print(f"{name:<28} {value}")
    keep("projects", figures)


if __name__ == "__main__":
    main()
