"""No model at all: the sentences of the request's sources that fit its question best.

What a fresh machine answers with. Every sentence is quoted word for word and cited as `[n]`, n
being its source's number; the answer's model is `extractive`, so that nobody takes it for more.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from pydantic import Field

from baukasten_core.contracts.llm import (
    Capabilities,
    Event,
    Finished,
    GenerateRequest,
    Model,
    Source,
    TextDelta,
    Usage,
)
from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.contracts.streams import estimate_tokens, prompt_tokens
from baukasten_core.errors import ModelNotFound, ProviderUnavailable

MODEL = "extractive"
HOW_TO_ADD = (
    "Add a language model: install Ollama and `ollama pull` a model, or configure another "
    "provider in `llm.instances` and `llm.chain` (docs/llm-providers.md)."
)
SENTENCE = re.compile(r"[^\s].*?(?:[.!?…]+[\"'»”)\]]*(?=\s|$)|\n\s*\n|$)", re.DOTALL)
WORD = re.compile(r"\w+")
STOP_WORDS = {
    "english": "a an and are as at be by do does for from has have how i in is it its of on or "
    "that the their this to was were what when where which who whom why will with you your",
    "german": "als am an auf aus bei das dem den der des die dies ein eine einem einen einer eines "
    "er es für hat ich ihr im in ist mit nach sich sie sind über um und von vor wann war was "
    "welche welcher wem wen wer wie wird wo zu zum zur",
    "spanish": "a al como con cual cuál cuando cuándo de del donde dónde el en es esta está este "
    "la las lo los no o para por porque que qué quien quién se son su sus un una y",
}
K1 = 1.2
LEAST = 0.15
"""Share of the question's weight that a sentence must carry to be quoted at all."""
NEAR = 0.5
"""... and share of the best sentence's score."""


class ExtractiveConfig(ProviderConfig):
    """How much is quoted."""

    sentences: int = Field(4, ge=1, le=20, description="Most sentences in an answer.")


class Extractive:
    """An LLMProvider without a model."""

    name = "extractive"
    capabilities = Capabilities(needs_sources=True, in_process=True)

    def __init__(self, config: ExtractiveConfig) -> None:
        self.config = config

    async def models(self) -> Sequence[Model]:
        return [Model(MODEL, "Quotes the sources' most relevant sentences; no language model")]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        if request.model != MODEL:
            raise ModelNotFound(f"`extractive` has no model `{request.model}`, only `{MODEL}`.")
        if not request.sources:
            raise ProviderUnavailable(
                "There is no language model here that could answer without sources.",
                hint=HOW_TO_ADD,
            )
        if request.response_schema is not None or request.tools:
            raise ProviderUnavailable(
                "Structured answers need a language model, and there is none here.",
                hint=HOW_TO_ADD,
            )
        quotes = await asyncio.to_thread(quote, question_of(request), request.sources)
        length, reason = 0, "stop"
        for index, found in enumerate(quotes[: self.config.sentences]):
            text = f"{' ' if index else ''}{found.text} [{found.source}]"
            tokens = estimate_tokens([text])
            if length + tokens > request.max_tokens and index:
                reason = "length"
                break
            length += tokens
            yield TextDelta(text)
        usage = Usage(prompt_tokens(request), length, estimated=True)
        yield Finished("length" if reason == "length" else "stop", usage, MODEL)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence as it stands in source number `source` (from 1)."""

    text: str
    source: int
    score: float


def question_of(request: GenerateRequest) -> str:
    """What was asked: `question`, else what the last user's turn asks, without the sources."""
    if request.question:
        return request.question
    text = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
    for source in request.sources:
        text = text.replace(source.text, "\n\n")
    sentences = [match.group().strip() for match in SENTENCE.finditer(text)]
    questions = [sentence for sentence in sentences if sentence.endswith("?")]
    return " ".join(questions) or text


def quote(question: str, sources: Sequence[Source]) -> list[Quote]:
    """The sentences that share most with the question, best first; none when nothing fits.

    A sentence scores the rarity (idf over all sentences) of the question's stems it holds, and
    a little more where a stem comes again. Stems and stop words follow the sources' language.
    """
    language = _language(" ".join(source.text[:2000] for source in sources) + " " + question)
    sentences = [
        (" ".join(match.group().split()), number)
        for number, source in enumerate(sources, start=1)
        for match in SENTENCE.finditer(source.text)
    ]
    stems = _Stems(language)
    bags = [Counter(stems.of(text)) for text, _ in sentences]
    holding = Counter(stem for bag in bags for stem in bag)
    wanted = {
        stem: math.log(1 + (len(bags) - holding[stem] + 0.5) / (holding[stem] + 0.5))
        for stem in set(stems.of(question))
    }
    whole = sum(wanted.values())
    found = []
    for (text, number), bag in zip(sentences, bags, strict=True):
        held = sum(weight for stem, weight in wanted.items() if stem in bag)
        again = sum(
            weight * bag[stem] * (K1 + 1) / (bag[stem] + K1) for stem, weight in wanted.items()
        )
        if held >= LEAST * whole and held > 0:
            found.append(Quote(text, number, again))
    return _best(found)


def _best(found: list[Quote]) -> list[Quote]:
    found.sort(key=lambda item: -item.score)
    best, seen = [], set()
    for item in found:
        if item.score < NEAR * found[0].score:
            break
        if item.text not in seen:
            seen.add(item.text)
            best.append(item)
    return best


class _Stems:
    """A text's words without stop words, stemmed."""

    def __init__(self, language: str) -> None:
        import Stemmer

        self._stop = frozenset(STOP_WORDS[language].split())
        self._stemmer = Stemmer.Stemmer(language)

    def of(self, text: str) -> list[str]:
        words = [word for word in WORD.findall(text.lower()) if word not in self._stop]
        stems: list[str] = self._stemmer.stemWords(words)
        return stems


def _language(text: str) -> str:
    words = Counter(WORD.findall(text.lower()))
    return max(
        STOP_WORDS, key=lambda language: sum(words[word] for word in STOP_WORDS[language].split())
    )


def build(config: ExtractiveConfig) -> Extractive:
    return Extractive(config)
