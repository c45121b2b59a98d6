"""What is embedded: real texts from a file, or made ones of the same lengths."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from baukasten_core.providers.embedding.weights import LocalModelConfig

COUNT = 512
LONG = 370
"""Characters from which on a text of a file counts as a long one: 137 tokens on average in the
descriptions of packages that our figures are of."""

MADE_WORDS = (132, 50, 69, 254)
"""Mean, deviation, least and most words of a made text; each word is a token, and two are added."""


@dataclass(frozen=True)
class Texts:
    """Texts, and the number of tokens that the model reads of each."""

    source: str
    texts: Sequence[str]
    tokens: Sequence[int]

    @property
    def mean(self) -> float:
        """Tokens a text."""
        return sum(self.tokens) / len(self.tokens)

    def half(self) -> Texts:
        """Every second one."""
        return Texts(self.source, self.texts[::2], self.tokens[::2])

    def times(self, count: int) -> Texts:
        """All of them so many times."""
        return Texts(self.source, [*self.texts] * count, [*self.tokens] * count)


def load(path: Path | None) -> Texts:
    """512 texts: the first long ones of `path` (`{"docs": [{"text": ...}, ...]}`), or made ones."""
    texts = _from_file(path) if path else _made()
    config = LocalModelConfig()
    tokenizer = tokenizers.Tokenizer.from_file(str(config.path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(config.max_tokens)
    tokens = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    return Texts(path.name if path else "made texts", texts, tokens)


def _from_file(path: Path) -> list[str]:
    documents = json.loads(path.read_text())["docs"]
    texts = [document["text"] for document in documents if len(document["text"]) >= LONG]
    if len(texts) < COUNT:
        raise SystemExit(f"{path} has {len(texts)} texts of {LONG} characters; {COUNT} are needed")
    return texts[:COUNT]


def _made() -> list[str]:
    """The same ones each time, of words as a model's vocabulary has them."""
    chance = random.Random(2026)
    config = LocalModelConfig()
    vocabulary = json.loads((config.path / "tokenizer.json").read_text())["model"]["vocab"]
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha())
    mean, deviation, least, most = MADE_WORDS
    return [
        " ".join(chance.choices(words, k=round(min(most, max(least, length)))))
        for length in (chance.gauss(mean, deviation) for _ in range(COUNT))
    ]
