"""Engines in this process: the thread, its order, loading, and the weights' checksum."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.errors import ProviderNotConfigured, ProviderUnavailable
from baukasten_core.providers.embedding import openvino, sentence_transformers, weights
from baukasten_core.providers.embedding.worker import LocalEmbedder, Vectors

SPACE = EmbeddingSpace("test", "test", "1", 4)


class Engine:
    """Notes what it is given; a bulk text called `gate` holds it up until it is let go."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.gate = threading.Event()
        self.reached = threading.Event()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen.append(list(texts))
        if "gate" in texts:
            self.reached.set()
            self.gate.wait(10)
        if "boom" in texts:
            raise RuntimeError("secret text")
        return np.ones((len(texts), 4), dtype=np.float32) / 2


def embedder(engine: Engine, *, load_wait: float = 10) -> LocalEmbedder:
    return LocalEmbedder("test", SPACE, lambda: engine, batch=2, load_wait=load_wait)


async def test_a_query_goes_before_bulk_texts_that_wait() -> None:
    engine = Engine()
    provider = embedder(engine)
    bulk = asyncio.create_task(provider.embed(["gate", "gate", "later", "later"]))
    await asyncio.to_thread(engine.reached.wait, 10)
    query = asyncio.create_task(provider.embed(["query"], priority="query"))
    await asyncio.sleep(0)  # one turn of the loop: the query is in the queue now
    engine.gate.set()
    await asyncio.gather(bulk, query)
    assert engine.seen == [["gate", "gate"], ["query"], ["later", "later"]]
    await provider.close()


async def test_batches_hold_texts_of_similar_length() -> None:
    engine = Engine()
    provider = embedder(engine)
    await provider.embed(["a" * 50, "b", "c" * 49, "d"])
    assert engine.seen == [["b", "d"], ["c" * 49, "a" * 50]]
    await provider.close()


async def test_callers_with_one_text_each_share_a_batch() -> None:
    engine = Engine()
    provider = embedder(engine)
    first = asyncio.create_task(provider.embed(["gate", "gate"]))
    await asyncio.to_thread(engine.reached.wait, 10)
    others = [asyncio.create_task(provider.embed([name])) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.gather(first, *others)
    assert engine.seen == [["gate", "gate"], ["a", "b"], ["c"]]
    await provider.close()


async def test_a_caller_that_goes_away_leaves_no_work_behind() -> None:
    engine = Engine()
    provider = embedder(engine)
    first = asyncio.create_task(provider.embed(["gate"]))
    await asyncio.to_thread(engine.reached.wait, 10)
    gone = asyncio.create_task(provider.embed(["gone"] * 6))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    engine.gate.set()
    await first
    await provider.close()
    assert engine.seen == [["gate"]]


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

    provider = LocalEmbedder("test", SPACE, load, batch=2, load_wait=0.05)
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

    provider = LocalEmbedder("test", SPACE, load, batch=2, load_wait=10)
    with pytest.raises(ProviderNotConfigured):
        await provider.embed(["text"])
    assert (await provider.embed(["text"])).shape == (1, 4)
    await provider.close()


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
