"""The rates as bars, in SVG."""

from __future__ import annotations

from xml.sax.saxutils import escape

from benchmarks.embedding.report import CEILING, OURS, Report

WIDTH, LABEL, BAR, GAP = 860, 330, 20, 8
COLOURS = {OURS: "#1f6feb", CEILING: "#d0d7de"}
OTHERS = "#8c959f"


def svg(report: Report) -> str:
    """One bar a row, tokens a second, with its value in texts a second."""
    rates = report.medians()
    most = max(rates.values())
    height = 64 + len(rates) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Embedding: texts a second</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="26" font-size="15">Texts a second ({report.tokens_a_text:.0f} tokens '
        f"each)</text>",
    ]
    for place, ((who, how), rate) in enumerate(rates.items()):
        top = 44 + place * (BAR + GAP)
        length = (WIDTH - LABEL - 80) * rate / most
        colour = COLOURS.get(who, OTHERS)
        middle, label = top + BAR - 5, escape(f"{who}, {how}")
        parts += [
            f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end">{label}</text>',
            f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LABEL + length + 6:.1f}" y="{middle}">'
            f"{rate / report.tokens_a_text:.1f}</text>",
        ]
    return "\n".join([*parts, "</svg>", ""])
