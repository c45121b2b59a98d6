"""What engines inside this process share: one thread, small batches, queries before bulk work."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from baukasten_core.contracts.embedding import EmbeddingSpace, Priority
from baukasten_core.errors import ProviderError, ProviderUnavailable

Vectors = NDArray[np.float32]

MAX_CHARACTERS = 1 << 16
"""What a tokenizer is given of a text at most: far more than any model reads."""


class Engine(Protocol):
    """A loaded model. Called from one thread only."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of a small batch, shape (len(texts), dimensions)."""
        ...


@dataclass(order=True, slots=True)
class _Task:
    rank: int
    number: int
    texts: Sequence[str] = field(compare=False)
    result: Future[Vectors] = field(compare=False)


class LocalEmbedder:
    """An `EmbeddingProvider` around an engine in this process.

    The engine is loaded on first use, in the thread that then runs it, so the event loop is
    never held up. Texts go through in batches of similar length; a query waits for one batch
    of bulk work at most.

    Args:
        load: makes the engine; may take seconds. Tried again at the next call if it raises.
        batch: texts in a batch; small ones waste least on padding.
        load_wait: how long a query waits for the model to load before it is told to come back.
    """

    def __init__(
        self,
        name: str,
        space: EmbeddingSpace,
        load: Callable[[], Engine],
        *,
        batch: int,
        load_wait: float,
    ) -> None:
        self.name = name
        self.space = space
        self._load = load
        self._batch = batch
        self._load_wait = load_wait
        self._engine: Engine | None = None
        self._tasks: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._engine is not None

    async def embed(self, texts: Sequence[str], *, priority: Priority = "bulk") -> Vectors:
        vectors = np.empty((len(texts), self.space.dimensions), dtype=np.float32)
        if not texts:
            return vectors
        self._start()
        order = sorted(range(len(texts)), key=lambda index: len(texts[index].encode(**REPLACE)))
        parts = [order[at : at + self._batch] for at in range(0, len(order), self._batch)]
        results = [self._submit([texts[index] for index in part], priority) for part in parts]
        answers = await self._wait(results, priority)
        for part, answer in zip(parts, answers, strict=True):
            vectors[part] = answer
        return vectors

    async def close(self) -> None:
        """End the thread after what is queued; the next call would start it again."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._tasks.put(_Task(STOP, next(self._numbers), (), Future()))
            await asyncio.to_thread(thread.join)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"embed-{self.name}", daemon=True
                )
                self._thread.start()

    def _submit(self, texts: Sequence[str], priority: Priority) -> asyncio.Future[Vectors]:
        result: Future[Vectors] = Future()
        rank = QUERY if priority == "query" else BULK
        self._tasks.put(_Task(rank, next(self._numbers), [clean(text) for text in texts], result))
        return asyncio.wrap_future(result)

    async def _wait(
        self, results: Sequence[asyncio.Future[Vectors]], priority: Priority
    ) -> list[Vectors]:
        together = asyncio.gather(*results)
        if priority == "bulk" or self.loaded:
            return await together
        try:
            return await asyncio.wait_for(together, self._load_wait)
        except TimeoutError:
            raise ProviderUnavailable(
                "The embedding model is still loading; try again in a few seconds."
            ) from None

    def _run(self) -> None:
        while (first := self._tasks.get()).rank != STOP:
            tasks = self._together(first)
            try:
                engine = self._engine = self._engine or self._load()
                # A caller that went away, perhaps while it loaded, cancelled its batches.
                tasks = [task for task in tasks if task.result.set_running_or_notify_cancel()]
                _answer(tasks, engine)
            except ProviderError as error:
                _fail(tasks, error)
            except Exception as error:
                _fail(tasks, failure(self.name, error))

    def _together(self, first: _Task) -> list[_Task]:
        """As many waiting tasks of the same rank as fit into one batch."""
        tasks, room = [first], self._batch - len(first.texts)
        while room > 0:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                break
            if task.rank != first.rank or len(task.texts) > room:
                self._tasks.put(task)
                break
            tasks.append(task)
            room -= len(task.texts)
        return tasks


def _answer(tasks: Sequence[_Task], engine: Engine) -> None:
    if not tasks:
        return
    vectors = engine.encode([text for task in tasks for text in task.texts])
    at = 0
    for task in tasks:
        task.result.set_result(vectors[at : at + len(task.texts)])
        at += len(task.texts)


def _fail(tasks: Sequence[_Task], error: Exception) -> None:
    for task in tasks:
        if task.result.running() or task.result.set_running_or_notify_cancel():
            task.result.set_exception(error)


QUERY, BULK, STOP = 0, 1, 2
REPLACE = {"encoding": "utf-8", "errors": "replace"}


def clean(text: str) -> str:
    """`text` as tokenizers take it: lone surrogates replaced, cut far beyond what is read."""
    return text[:MAX_CHARACTERS].encode(**REPLACE).decode()


def failure(name: str, error: Exception) -> ProviderUnavailable:
    """What an engine raised, without the text it was given."""
    return ProviderUnavailable(
        f"The embedding engine `{name}` failed ({type(error).__name__}); see its log.",
        retry_after=30,
    )


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """Rows scaled to length 1, as float32; a row of zeros stays."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
