"""From texts to what a model reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baukasten_core.contracts.embedding import TextOrTokens
from baukasten_core.errors import BadRequest

if TYPE_CHECKING:
    import tokenizers

MAX_CHARACTERS = 1 << 16
"""What a tokenizer is given of a text at most: far more than any model reads."""

MULTIPLE = 8
"""Of so many tokens is the length of a batch: an engine keeps what it has prepared for each shape
that it has met, so fewer shapes save memory (1,500 to 830 MiB after ten thousand texts), and
matrix products are faster on even lengths (12 %, on mixed texts)."""

IntMatrix = NDArray[np.int64]

REPLACE = {"encoding": "utf-8", "errors": "replace"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model reads of one text, its special tokens included; `cut`: the text is longer."""

    ids: Sequence[int]
    cut: bool


class Tokenizer:
    """A model's own tokenizer, with the length the model reads. Safe to call from any thread."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer
        self._size = tokenizer.get_vocab_size()
        special = tokenizer.encode("").ids  # BERT's [CLS] and [SEP]; T5 has one at the end only
        self._before, self._after = special[: len(special) // 2], special[len(special) // 2 :]
        self._room = max_tokens - len(special)

    def __call__(self, inputs: Sequence[TextOrTokens]) -> list[Tokens]:
        """What is read of each text, or of each list of the model's token ids.

        Raises `BadRequest` for an id that the model does not have.
        """
        texts = [clean(text) for text in inputs if isinstance(text, str)]
        encoded = iter(self._tokenizer.encode_batch_fast(texts))
        return [
            self._read(next(encoded), given) if isinstance(given, str) else self._framed(given)
            for given in inputs
        ]

    def _read(self, encoding: tokenizers.Encoding, text: str) -> Tokens:
        return Tokens(encoding.ids, len(text) > MAX_CHARACTERS or bool(encoding.overflowing))

    def _framed(self, ids: Sequence[int]) -> Tokens:
        if any(not 0 <= token < self._size for token in ids):
            raise BadRequest(
                f"This model's tokens are 0 to {self._size - 1}.",
                hint="Send texts, or tokens of its own tokenizer (other models' mean other words).",
            )
        inner = self._inner(list(ids))
        return Tokens([*self._before, *inner[: self._room], *self._after], len(inner) > self._room)

    def _inner(self, ids: list[int]) -> list[int]:
        """Without the special tokens around it, if the caller's tokenizer put them there."""
        before, after = len(self._before), len(self._after)
        framed = ids[:before] == self._before and ids[len(ids) - after :] == self._after
        return ids[before : len(ids) - after] if framed and len(ids) >= before + after else ids


def clean(text: str) -> str:
    """`text` as tokenizers take it: lone surrogates replaced, cut far beyond what is read."""
    return text[:MAX_CHARACTERS].encode(**REPLACE).decode()


def padded(batch: Sequence[Sequence[int]], most: int, pad: int = 0) -> tuple[IntMatrix, IntMatrix]:
    """Ids and attention mask of a batch, shape (len(batch), its longest rounded up) each.

    `most` tokens are what the model can read.
    """
    longest = max(map(len, batch))
    width = max(longest, min(-(-longest // MULTIPLE) * MULTIPLE, most))
    ids = np.full((len(batch), width), pad, dtype=np.int64)
    mask = np.zeros((len(batch), width), dtype=np.int64)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask
