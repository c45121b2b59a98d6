"""What was measured, and what follows from it."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks import results
from benchmarks.embedding.report import machine
from benchmarks.gateway.servers import DIRECT, LITELLM, OURS, PORTKEY
from benchmarks.gateway.streams import Lateness
from benchmarks.load import Result
from benchmarks.results import Bar


@dataclass
class Report:
    """Each row's results, round by round; streams and memory of ours alone."""

    results: dict[tuple[str, int], list[Result]] = field(default_factory=dict)
    first: dict[str, Lateness] = field(default_factory=dict)
    many: dict[str, Lateness] = field(default_factory=dict)
    memory_mib: dict[int, float] = field(default_factory=dict)
    """Requests answered so far: resident memory of the replica."""

    def add(self, who: str, result: Result) -> None:
        self.results.setdefault((who, result.connections), []).append(result)

    def rate(self, who: str, connections: int) -> float:
        """Requests a second, the median of the rounds."""
        return statistics.median(r.per_second for r in self.results[who, connections])

    def p50(self, who: str, connections: int) -> float:
        return statistics.median(r.p50_ms for r in self.results[who, connections])

    def promises(self) -> dict[str, float]:
        """What we promise, as figures."""
        most = max(connections for _, connections in self.results)
        promised = {"p50 added at 1 client, ms": self.p50(OURS, 1) - self.p50(DIRECT, 1)}
        for peer in (LITELLM, PORTKEY):
            if (peer, most) in self.results:
                promised[f"requests/s at {most} clients, times {peer}"] = self._times(peer, most)
        if OURS in self.first:
            late = self.first[OURS].first_p50 - self.first[DIRECT].first_p50
            promised["first token after the upstream's, ms"] = late
        if OURS in self.many:
            promised["64 streams: p99 of a piece, ms"] = self.many[OURS].p99
            promised["64 streams: p99 in the last second, ms"] = self.many[OURS].end_p99
        if len(self.memory_mib) > 1:
            early, late = (self.memory_mib[count] for count in sorted(self.memory_mib)[-2:])
            promised["memory after the long run to that after the short"] = late / early
        return promised

    def _times(self, peer: str, connections: int) -> float:
        """The median of the ratios within a round."""
        pairs = zip(self.results[OURS, connections], self.results[peer, connections], strict=True)
        return statistics.median(a.per_second / b.per_second for a, b in pairs)

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "machine": machine(),
            "rows": [
                {
                    "who": who,
                    "clients": connections,
                    "requests_per_second": round(self.rate(who, connections), 1),
                    "p50_ms": round(self.p50(who, connections), 2),
                    "p99_ms": round(statistics.median(r.p99_ms for r in results), 2),
                    "rounds": [round(r.per_second, 1) for r in results],
                }
                for (who, connections), results in self.results.items()
            ],
            "first_piece_late_ms": _rounded(self.first),
            "64_streams_late_ms": _rounded(self.many),
            "memory_mib": {count: round(mib, 1) for count, mib in self.memory_mib.items()},
            "promises": {name: round(value, 3) for name, value in self.promises().items()},
        }

    def table(self) -> str:
        """For a terminal."""
        lines = [f"{'':<14}{'clients':>8}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}"]
        lines += [
            f"{row['who']:<14}{row['clients']:>8}{row['requests_per_second']:>12}"
            f"{row['p50_ms']:>9}{row['p99_ms']:>9}"
            for row in self.document()["rows"]
        ]
        lines += ["", *(f"{name:<56}{value:>9.3f}" for name, value in self.promises().items())]
        return "\n".join(lines)

    def svg(self) -> str:
        """Requests a second as bars."""
        most = max(connections for _, connections in self.results)
        rows = [
            Bar(who, rate, f"{rate:.0f}", results.OURS if who == OURS else results.OTHERS)
            for who in (OURS, PORTKEY, LITELLM)
            if (who, most) in self.results
            for rate in [self.rate(who, most)]
        ]
        title = f"Requests a second at {most} clients, one process each"
        return results.bars(title, title, rows, labels=150)


def _rounded(found: dict[str, Lateness]) -> dict[str, dict[str, float]]:
    return {who: {k: round(v, 2) for k, v in asdict(late).items()} for who, late in found.items()}
