"""The reranker that ships, and the fake, through the contract suite.

The cross-encoder is a real one, small and with random weights, made here: nothing is fetched.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from baukasten_core.contracts.reranking import Reranker
from baukasten_core.errors import (
    InvalidOutput,
    ProviderError,
    ProviderNotConfigured,
    ProviderUnavailable,
)
from baukasten_core.providers.embedding.weights import LocalModelConfig
from baukasten_core.providers.reranking import cross_encoder
from baukasten_core.providers.reranking.cross_encoder import CrossEncoderConfig
from baukasten_core.testing.contracts.reranking import RerankingContract
from baukasten_core.testing.fakes import FakeReranker

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß0123456789.,;:!?-'"
POSITIONS = 64


def reranker_of(folder: Path | str) -> Reranker:
    """However long the model takes to load on a busy machine."""
    return cross_encoder.build(CrossEncoderConfig(model=str(folder), load_wait=300))


def make_model(folder: Path, *, labels: int = 1, weight: float | None = None) -> Path:
    """A tiny BERT that spells words out, with random weights, or all of them the same."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    pieces = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    names = zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True)
    marks = {f"{name}_token": token for name, token in names}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        num_labels=labels,
        initializer_range=0.5,
    )
    model = BertForSequenceClassification(config)
    if weight is not None:
        torch.nn.init.constant_(model.classifier.weight, weight)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("cross-encoder"))


class TestFake(RerankingContract):
    @pytest.fixture(scope="class")
    def reranker(self) -> Reranker:
        return FakeReranker()


class TestCrossEncoder(RerankingContract):
    @pytest.fixture(scope="class")
    def reranker(self, folder: Path) -> Reranker:
        return reranker_of(folder)

    @pytest.fixture(scope="class")
    def trained(self) -> bool:
        return False

    async def test_it_reads_query_and_passage(self, reranker: Reranker) -> None:
        one = await reranker.rerank("a cat", ["the cat sat", "the dog sat"])
        other = await reranker.rerank("a dog", ["the cat sat", "the dog sat"])
        assert len({*one, *other}) == 4


# --- one thread, and a queue with an end -----------------------------------------------------


class SlowModel:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()
        self.asked: list[str] = []

    def predict(self, pairs: list[tuple[str, str]], **_: Any) -> list[float]:
        self.asked.append(pairs[0][0])
        self.started.set()
        assert self.go_on.wait(30)
        return [0.5 for _ in pairs]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowModel:
    model = SlowModel()
    monkeypatch.setattr(cross_encoder, "_load", lambda config: model)
    return model


async def begun(model: SlowModel) -> None:
    assert await asyncio.to_thread(model.started.wait, 30)


async def test_who_would_wait_too_long_is_told_to_come_back(slow: SlowModel) -> None:
    reranker = cross_encoder.build(CrossEncoderConfig(model="slow", max_queue=2))
    callers = [asyncio.create_task(reranker.rerank(f"{n}", ["text"])) for n in range(3)]
    await begun(slow)
    with pytest.raises(ProviderUnavailable) as caught:
        await reranker.rerank("one too many", ["text"])
    assert caught.value.headers["Retry-After"] == "2"
    slow.go_on.set()
    assert await asyncio.gather(*callers) == [[0.5]] * 3
    assert await reranker.rerank("later", ["text"]) == [0.5]


async def test_who_goes_away_leaves_the_queue(slow: SlowModel) -> None:
    reranker = cross_encoder.build(CrossEncoderConfig(model="slow", max_queue=1))
    first = asyncio.create_task(reranker.rerank("first", ["text"]))
    await begun(slow)
    second = asyncio.create_task(reranker.rerank("second", ["text"]))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    third = asyncio.create_task(reranker.rerank("third", ["text"]))
    await asyncio.sleep(0)
    slow.go_on.set()
    await asyncio.gather(first, third)
    assert slow.asked == ["first", "third"]


async def test_a_search_does_not_wait_for_ever_while_the_model_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()

    def load(config: CrossEncoderConfig) -> SlowModel:
        assert go_on.wait(30)
        model = SlowModel()
        model.go_on.set()
        return model

    monkeypatch.setattr(cross_encoder, "_load", load)
    reranker = cross_encoder.build(CrossEncoderConfig(model="slow", load_wait=0.01))
    with pytest.raises(ProviderUnavailable, match="still loading"):
        await reranker.rerank("query", ["text"])
    go_on.set()


# --- what is wrong is said ---------------------------------------------------------------------


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that somebody tried to reach."""
    found: list[Any] = []

    def look_up(host: Any, *_: Any, **__: Any) -> None:
        found.append(host)
        raise socket.gaierror

    def connect(self: socket.socket, address: Any) -> None:
        found.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return found


async def test_nothing_is_fetched_unless_it_was_configured(
    connected: list[Any], folder: Path
) -> None:
    assert await reranker_of(folder).rerank("query", ["passage"])
    reranker = reranker_of("somebody/some-reranker")
    with pytest.raises(ProviderNotConfigured) as caught:
        await reranker.rerank("query", ["passage"])
    assert "hub: true" in (caught.value.hint or "")
    assert connected == []


def test_what_is_fetched_must_be_pinned() -> None:
    with pytest.raises(ProviderNotConfigured, match="revision"):
        cross_encoder.build(CrossEncoderConfig(model="somebody/some-reranker", hub=True))


def test_the_model_must_be_named() -> None:
    with pytest.raises(ValidationError):
        CrossEncoderConfig.model_validate({})


async def test_a_model_that_embeds_is_no_reranker() -> None:
    """It would load all the same, with a last layer of random numbers."""
    embedder = str(LocalModelConfig().path)
    with pytest.raises(ProviderNotConfigured, match="no cross-encoder"):
        await reranker_of(embedder).rerank("query", ["passage"])


async def test_a_model_that_answers_several_numbers_is_refused(tmp_path: Path) -> None:
    reranker = reranker_of(make_model(tmp_path, labels=3))
    with pytest.raises(ProviderNotConfigured, match="3 numbers"):
        await reranker.rerank("query", ["passage"])


async def test_what_is_no_number_is_no_relevance(tmp_path: Path) -> None:
    broken = make_model(tmp_path, weight=float("nan"))
    with pytest.raises(InvalidOutput):
        await reranker_of(broken).rerank("query", ["text"])


async def test_an_error_does_not_quote_the_passage(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def fail(*_: Any) -> list[float]:
        raise RuntimeError("a private passage")

    monkeypatch.setattr(cross_encoder, "_predict", fail)
    with pytest.raises(ProviderError) as caught:
        await reranker_of(folder).rerank("query", ["text"])
    assert "private" not in f"{caught.value.detail} {caught.value.hint}"
    assert caught.value.__cause__ is None
