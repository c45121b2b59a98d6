"""A PDF page's lines back to paragraphs, so that sentences and words are whole again.

A PDF knows lines, not paragraphs. Left as they are, a chunk would end at any line, and a word
hyphenated at a line's end would never be found.
"""

from __future__ import annotations

import re

_HYPHEN = "\x02"  # what PDFium writes for a hyphen at a line's end, the break already taken out
_HYPHENATED = re.compile(rf"(?<=[^\W\d_]){_HYPHEN}(?=[^\W\d_])(?=(.))")
_MARKER = re.compile(r"\s*(?:[•‣◦▪●○■□–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_FULL = 0.75
_SHORTEST_LINE = 30


def reflow(page: str) -> str:
    """Join lines that run on, take hyphens out of words broken at a line's end.

    A line runs on when it is nearly as long as the page's long lines, and the next one does not
    begin a list item. A hyphen goes when a lower-case letter follows it.
    """
    page = _HYPHENATED.sub(lambda match: "" if match[1].islower() else "-", page)
    lines = page.replace(_HYPHEN, "-").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lengths = sorted(len(line.rstrip()) for line in lines if line.strip())
    if not lengths:
        return ""
    full = max(_SHORTEST_LINE, _FULL * lengths[int(0.9 * (len(lengths) - 1))])
    out = [lines[0].rstrip()]
    last = len(lines[0].rstrip())
    for line in lines[1:]:
        runs_on = last >= full and line.strip() and not _MARKER.match(line)
        if runs_on:
            out[-1] = f"{out[-1]} {line.strip()}"
        else:
            out.append(line.rstrip())
        last = len(line.rstrip())
    return "\n".join(out)
