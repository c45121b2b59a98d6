"""How many tokens a text has: what fits into a language model's context."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import splintr

VOCABULARY = "mistral_v1"
"""Of Mistral 7B: 32,000 pieces, and single bytes for what they lack."""

PIECE = 2000
"""Characters counted at a time: the time for a text grows faster than its length, and no other
thread runs meanwhile. Each cut costs a token at most."""


def count_tokens(text: str) -> int:
    """Tokens of `text` by one language model's vocabulary, a small one: larger ones, which most
    models have, divide European languages, numbers and code into as many pieces or fewer (by a
    tenth in English, a fifth in German). Only emoji may have more.

    A model's chat template comes on top, some ten tokens a message. It takes some 0.4 s for a
    million characters: not on an event loop, where a text may be long.
    """
    encode = _tokenizer().encode_ordinary
    clean = text.encode(errors="replace").decode()
    return sum(len(encode(clean[at : at + PIECE])) for at in range(0, len(clean), PIECE))


@cache
def _tokenizer() -> splintr.AnyTokenizer:
    import splintr

    return splintr.Tokenizer.from_pretrained(VOCABULARY)
