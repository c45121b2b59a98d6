"""The rates as bars, in SVG."""

from __future__ import annotations

from benchmarks import results
from benchmarks.embedding.report import CEILING, OURS, Report
from benchmarks.results import Bar

COLOURS = {OURS: results.OURS, CEILING: results.LIMIT}


def svg(report: Report) -> str:
    """One bar a row, tokens a second, with its value in texts a second."""
    tokens = report.tokens_a_text
    rows = [
        Bar(f"{who}, {how}", rate, f"{rate / tokens:.1f}", COLOURS.get(who, results.OTHERS))
        for (who, how), rate in report.medians().items()
    ]
    heading = f"Texts a second ({tokens:.0f} tokens each)"
    return results.bars("Embedding: texts a second", heading, rows, labels=330)
