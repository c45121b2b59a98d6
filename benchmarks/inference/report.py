"""The levels as a table, and as a curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.inference.measure import Level
from benchmarks.results import frame

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 360, 70, 310, 40


def table(levels: Sequence[Level]) -> str:
    """For a terminal."""
    head = f"{'clients':>8}{'requests/s':>12}{'tokens/s':>10}"
    lines = [head + f"{'first token p50 / p99 ms':>26}{'between p50 / p99 ms':>24}{'failed':>8}"]
    for level in levels:
        row = level.document()
        lines.append(
            f"{level.clients:>8}{row['requests_per_second']:>12.2f}{row['tokens_per_second']:>10.1f}"
            f"{_pair(row['first_token_ms']):>26}{_pair(row['between_tokens_ms']):>24}"
            f"{row['failures']:>8}"
        )
    return "\n".join(lines)


def _pair(spread: dict[str, float] | None) -> str:
    return "-" if spread is None else f"{spread['p50']:.1f} / {spread['p99']:.1f}"


def document(levels: Sequence[Level], about: dict[str, Any]) -> dict[str, Any]:
    """For JSON."""
    return {**about, "levels": [level.document() for level in levels]}


def svg(levels: Sequence[Level], title: str) -> str:
    """Tokens a second over clients."""
    most = max(level.tokens_per_second for level in levels) or 1.0
    step = (WIDTH - LEFT - 40) / max(1, len(levels) - 1)
    places = [
        (LEFT + number * step, BOTTOM - (BOTTOM - TOP) * level.tokens_per_second / most)
        for number, level in enumerate(levels)
    ]
    parts = [
        *frame(title, title, WIDTH, HEIGHT),
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{WIDTH - 20}" stroke="#8c959f" fill="none"/>',
        '<polyline fill="none" stroke="#1f6feb" stroke-width="2" points="'
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        + '"/>',
    ]
    for level, (x, y) in zip(levels, places, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1f6feb"/>',
            f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">'
            f"{level.tokens_per_second:.0f}</text>",
            f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{level.clients}</text>',
        ]
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">clients</text>')
    return "\n".join([*parts, "</svg>", ""])
