"""Engines in this process: the thread, its order, loading, and the weights' checksum."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from baukasten_core.contracts.embedding import EmbeddingSpace, Priority, TextOrTokens
from baukasten_core.errors import BadRequest, ProviderNotConfigured, ProviderUnavailable
from baukasten_core.providers.embedding import (
    cores,
    openvino,
    sentence_transformers,
    waiting,
    weights,
)
from baukasten_core.providers.embedding.tokens import MAX_CHARACTERS, Tokenizer, Tokens
from baukasten_core.providers.embedding.vectors import Vectors
from baukasten_core.providers.embedding.worker import LocalEmbedder

SPACE = EmbeddingSpace("test", "test", "1", 4)


class Engine:
    """A token is a character. Notes what it is given; a text called `gate` holds it up until it
    is let go."""

    batch_tokens = 8
    lanes = 1

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.threads: set[str] = set()

    def tokenize(self, inputs: Sequence[TextOrTokens]) -> list[Tokens]:
        self.threads.add(threading.current_thread().name)
        return [Tokens([ord(str(token)) for token in text[:8]], len(text) > 8) for text in inputs]

    def encode(self, batch: Sequence[Sequence[int]]) -> Vectors:
        texts = ["".join(map(chr, ids)) for ids in batch]
        self.seen.append(texts)
        if "gate" in texts:
            self.reached.set()
            self.gate.wait(10)
        if "boom" in texts:
            raise RuntimeError("secret text")
        return np.array([[len(text), 0, 0, 0] for text in texts], dtype=np.float32)


def embedder(engine: Engine) -> LocalEmbedder:
    return LocalEmbedder("test", SPACE, lambda: engine, load_wait=10, max_queue=100)


@dataclass
class Held:
    """A provider whose engine is busy with a batch until `free`; what is asked meanwhile waits."""

    engine: Engine
    provider: LocalEmbedder
    asked: list[asyncio.Task[Vectors]]

    async def ask(self, *texts: str, priority: Priority = "bulk") -> asyncio.Task[Vectors]:
        """Somebody's request, when all of it waits for the engine."""
        before = self._waiting()
        task = asyncio.create_task(self.provider.embed(texts, priority=priority))
        self.asked.append(task)
        while self._waiting() < before + len(texts):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return task

    async def free(self) -> list[list[str]]:
        """Let it go; the batches that came after the first."""
        self.engine.gate.set()
        await asyncio.gather(*self.asked, return_exceptions=True)
        return self.engine.seen[1:]

    def _waiting(self) -> int:
        assert self.provider._running is not None
        return len(self.provider._running._waiting)


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    engine = Engine()
    provider = embedder(engine)
    first = asyncio.create_task(provider.embed(["gate"]))
    await asyncio.to_thread(engine.reached.wait, 10)
    yield Held(engine, provider, [first])
    engine.gate.set()
    await provider.close()


async def test_a_query_waits_for_one_batch_of_bulk_work_at_most(held: Held) -> None:
    await held.ask("later", "later")
    await held.ask("query", priority="query")
    assert await held.free() == [["query"], ["later"], ["later"]]


async def test_bulk_work_goes_on_while_queries_never_end(held: Held) -> None:
    await held.ask("bulk.")
    for _ in range(waiting.QUERIES_IN_A_ROW + 1):
        await held.ask("query", priority="query")
    assert (await held.free()).index(["bulk."]) == waiting.QUERIES_IN_A_ROW


async def test_texts_of_all_callers_go_through_longest_first_and_few_tokens_at_a_time(
    held: Held,
) -> None:
    await held.ask("a", "bbbb", "cc")
    await held.ask("ddd", "e", "ffffff")
    assert await held.free() == [["ffffff"], ["bbbb", "ddd"], ["cc", "a", "e"]]


async def test_a_short_text_does_not_wait_for_all_the_longer_ones_that_come_after_it(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_TOKENS", 16)
    monkeypatch.setattr(waiting, "WINDOW_BATCHES", 1)
    await held.ask("s", *["longer"] * 3)
    await held.ask(*["longest."] * 3)
    batches = await held.free()
    assert batches.index(["s"]) < batches.index(["longest."])


async def test_each_caller_gets_the_vectors_of_their_own_texts_in_order(held: Held) -> None:
    one = await held.ask("a", "bbb", "cc")
    two = await held.ask("dddd", "")
    await held.free()
    assert (await one)[:, 0].tolist() == [1, 3, 2]
    assert (await two)[:, 0].tolist() == [4, 0]


async def test_texts_of_one_caller_go_through_several_lanes_at_a_time() -> None:
    class Lanes(Engine):
        lanes = 3

        def __init__(self) -> None:
            super().__init__()
            self.together = threading.Barrier(3)

        def encode(self, batch: Sequence[Sequence[int]]) -> Vectors:
            self.together.wait(10)
            return super().encode(batch)

    provider = embedder(Lanes())
    vectors = await provider.embed(["55555", "666666", "7777777"] * 3)  # a batch each
    assert vectors[:, 0].tolist() == [5, 6, 7] * 3
    await provider.close()


async def test_a_caller_that_goes_away_leaves_no_work_behind(held: Held) -> None:
    gone = await held.ask(*["gone"] * 6)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await held.ask("stays")
    assert await held.free() == [["stays"]]


async def test_what_would_wait_too_long_is_refused_and_told_when_to_come_back(held: Held) -> None:
    held.provider._places = waiting.Places(3)
    for _ in range(3):
        await held.ask("waits")
    with pytest.raises(ProviderUnavailable) as caught:
        await held.provider.embed(["too much"])
    assert int(caught.value.headers["Retry-After"]) > 0
    await held.ask("query", priority="query")  # bulk work takes no place from queries
    await held.free()
    assert (await held.provider.embed(["again"])).shape == (1, 4)


async def test_many_texts_take_many_places(held: Held) -> None:
    held.provider._places = waiting.Places(3)
    await held.ask(*["waits"] * 3 * waiting.TEXTS_A_PLACE)
    with pytest.raises(ProviderUnavailable):
        await held.provider.embed(["too much"])
    await held.free()


async def test_texts_are_not_tokenised_on_the_event_loop_or_by_the_engine(held: Held) -> None:
    assert held.engine.threads
    assert not held.engine.threads & {threading.current_thread().name, "embed-test"}


async def test_it_tells_how_much_was_read_and_what_was_cut() -> None:
    provider = embedder(Engine())
    embedded = await provider.embed_counted(["four", "longer than eight", "x"])
    assert embedded.tokens == (4, 8, 1)
    assert embedded.cut == (1,)
    await provider.close()


async def test_an_engine_that_fails_says_so_without_the_text() -> None:
    provider = embedder(Engine())
    with pytest.raises(ProviderUnavailable) as caught:
        await provider.embed(["boom"])
    assert "secret" not in str(caught.value)
    assert (await provider.embed(["fine"])).shape == (1, 4)
    await provider.close()


async def test_a_query_does_not_wait_for_ever_while_the_model_loads() -> None:
    release = threading.Event()
    engine = Engine()

    def load() -> Engine:
        release.wait(10)
        return engine

    provider = LocalEmbedder("test", SPACE, load, load_wait=0.05, max_queue=9)
    with pytest.raises(ProviderUnavailable, match="loading"):
        await provider.embed(["query"], priority="query")
    bulk = asyncio.create_task(provider.embed(["bulk"]))
    release.set()
    assert (await bulk).shape == (1, 4)
    assert engine.seen == [["bulk"]]
    await provider.close()


async def test_loading_is_tried_again_after_it_failed() -> None:
    attempts = iter([ProviderNotConfigured("not there"), None])

    def load() -> Engine:
        if error := next(attempts):
            raise error
        return Engine()

    provider = LocalEmbedder("test", SPACE, load, load_wait=10, max_queue=9)
    with pytest.raises(ProviderNotConfigured):
        await provider.embed(["text"])
    assert (await provider.embed(["text"])).shape == (1, 4)
    await provider.close()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The default model's, for a model that reads 16 tokens."""
    folder = weights.check_weights(openvino.OpenVinoConfig())
    return Tokenizer(tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")), 16)


TEXT = "Herons don't wait."


def test_tokens_are_read_as_their_text_is_with_or_without_special_ones(
    tokenizer: Tokenizer,
) -> None:
    (read,) = tokenizer([TEXT])
    inner = read.ids[1:-1]
    assert tokenizer([inner, read.ids]) == [read, read]


def test_what_is_longer_than_the_model_reads_is_cut_and_told(tokenizer: Tokenizer) -> None:
    inner = tokenizer([TEXT])[0].ids[1:-1]
    whole, text, tokens = tokenizer([TEXT, TEXT * 9, [*inner] * 9])
    assert (whole.cut, text.cut, tokens.cut) == (False, True, True)
    assert text.ids == tokens.ids
    assert len(text.ids) == 16
    far = " " * MAX_CHARACTERS + "here"
    assert tokenizer([far])[0].cut


@pytest.mark.parametrize("ids", [[5, 30_522], [-1]])
def test_a_token_that_the_model_does_not_have_is_the_caller_s_mistake(
    tokenizer: Tokenizer, ids: list[int]
) -> None:
    with pytest.raises(BadRequest, match="0 to 30521"):
        tokenizer([ids])


@pytest.mark.parametrize(
    ("limit", "cores_"), [("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_threads_are_the_cores_that_affinity_and_container_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, cores_: int
) -> None:
    (tmp_path / "own").write_text("0::/here\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/cpu.max").write_text(limit + "\n")
    monkeypatch.setattr(cores, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(cores, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Ray sets it; it says nothing
    assert cores.usable_cores() == cores_


def test_engines_of_the_same_model_share_a_space() -> None:
    one = openvino.build(openvino.OpenVinoConfig())
    two = sentence_transformers.build(sentence_transformers.SentenceTransformersConfig())
    assert one.space.id == two.space.id
    assert one.space.dimensions == 384


def test_the_weights_that_ship_are_the_expected_ones() -> None:
    assert (weights.check_weights(openvino.OpenVinoConfig()) / "model.safetensors").is_file()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    config = openvino.OpenVinoConfig(
        model="mine", folder=tmp_path, dimensions=8, sha256=weights.DEFAULT_SHA256
    )
    with pytest.raises(ProviderNotConfigured, match="not the expected ones"):
        weights.check_weights(config)


def test_openvino_is_imported_without_its_telemetry() -> None:
    script = (
        "import sys; from baukasten_core.providers.embedding.openvino import load_openvino;"
        "load_openvino();"
        "print(any(name.startswith('openvino_telemetry') and module is not None"
        " for name, module in sys.modules.items()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_a_later_start_needs_neither_torch_nor_transformers() -> None:
    script = (
        "import asyncio, sys; from baukasten_core.providers.embedding import openvino;"
        "p = openvino.build(openvino.OpenVinoConfig(load_wait=300));"
        "asyncio.run(p.embed(['text']));"
        "print({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


async def test_what_is_left_is_shared_by_the_lanes() -> None:
    waiting_texts = waiting.WaitingTexts()
    request = waiting.Request([], "bulk", np.empty((6, 1), np.float32), left=6)
    texts = [waiting.Waiting([0] * 200, request, row) for row in range(6)]
    waiting_texts.put(texts, "bulk")
    taken = [len(waiting_texts.take(10_000, 2)) for _ in range(4)]
    assert taken == [3, 1, 1, 1]
