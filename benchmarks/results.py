"""What a benchmark leaves: its figures as JSON, and a picture of them, in `benchmarks/results`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent / "results"
WIDTH, BAR, GAP = 860, 20, 8
OURS, OTHERS, LIMIT = "#1f6feb", "#8c959f", "#d0d7de"
"""Colours: of us, of the others, of what can't be surpassed."""


def keep(name: str, figures: Mapping[str, Any], picture: str | None = None) -> None:
    """Write them under that name."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    if picture is not None:
        (FOLDER / f"{name}.svg").write_text(picture)


@dataclass(frozen=True)
class Bar:
    """`length` in the unit of all bars; `value` is what stands beside it."""

    label: str
    length: float
    value: str
    colour: str = OTHERS


def frame(title: str, heading: str, width: int, height: int) -> list[str]:
    """The beginning of a picture in SVG."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="26" font-size="15">{escape(heading)}</text>',
    ]


def bars(title: str, heading: str, rows: Sequence[Bar], *, labels: int) -> str:
    """Bars one below the other, in SVG; `labels` is the room on their left, in pixels."""
    most = max(row.length for row in rows)
    parts = frame(title, heading, WIDTH, 64 + len(rows) * (BAR + GAP))
    for place, row in enumerate(rows):
        top = 44 + place * (BAR + GAP)
        length, middle = (WIDTH - labels - 80) * row.length / most, top + BAR - 5
        parts += [
            f'<text x="{labels - 8}" y="{middle}" text-anchor="end">{escape(row.label)}</text>',
            f'<rect x="{labels}" y="{top}" width="{length:.1f}" height="{BAR}" '
            f'fill="{row.colour}"/>',
            f'<text x="{labels + length + 6:.1f}" y="{middle}">{escape(row.value)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
