"""What engines inside this process share: threads that take batches of all callers' texts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from baukasten_core.contracts.embedding import Embedded, EmbeddingSpace, Priority, TextOrTokens
from baukasten_core.errors import ProviderError, ProviderUnavailable
from baukasten_core.providers.embedding.tokens import Tokens
from baukasten_core.providers.embedding.vectors import Vectors
from baukasten_core.providers.embedding.waiting import Places, Request, Waiting, WaitingTexts

SLICE = 64
"""Texts that are tokenised together: the engine begins with the first while the next are read."""


class Engine(Protocol):
    """A loaded model."""

    batch_tokens: int
    """What a batch holds at most, padding included."""

    lanes: int
    """How many batches it computes at a time."""

    def tokenize(self, inputs: Sequence[TextOrTokens]) -> list[Tokens]:
        """What is read of each input. Called from any thread, also while `encode` runs."""
        ...

    def encode(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Unit vectors of tokenised texts, the longest first; shape (len(batch), dimensions).
        Called from as many threads as there are lanes."""
        ...


class LocalEmbedder:
    """An `EmbeddingProvider` around an engine in this process.

    The engine is loaded on first use. Tokenising and computing have threads of their own, so the
    event loop is never held up. Texts of all callers go through in batches of similar length; a
    query waits for one batch of bulk work at most.

    Args:
        load: makes the engine; may take seconds. Tried again at the next call if it raises.
        load_wait: how long a query waits for the model to load before it is told to come back.
        max_queue: places for requests of each priority, see `Places`.
    """

    def __init__(
        self,
        name: str,
        space: EmbeddingSpace,
        load: Callable[[], Engine],
        *,
        load_wait: float,
        max_queue: int,
    ) -> None:
        self.name = name
        self.space = space
        self._load = load
        self._load_wait = load_wait
        self._places = Places(max_queue)
        self._running: _Running | None = None
        self._starting = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._running is not None and self._running.loaded

    async def embed(self, texts: Sequence[str], *, priority: Priority = "bulk") -> Vectors:
        return (await self.embed_counted(texts, priority=priority)).vectors

    async def embed_counted(
        self, inputs: Sequence[TextOrTokens], *, priority: Priority = "bulk"
    ) -> Embedded:
        vectors = np.empty((len(inputs), self.space.dimensions), dtype=np.float32)
        if not inputs:
            return Embedded(vectors, (), ())
        with self._places.taken(len(inputs), priority):
            running = await self._started(priority)
            request = Request(vectors, len(inputs), Future())
            try:
                read = await running.put(inputs, request, priority)
                await asyncio.wrap_future(request.result)
            finally:
                request.result.cancel()  # what is still waiting of it is not worked on
        cut = tuple(row for row, tokens in enumerate(read) if tokens.cut)
        return Embedded(vectors, tuple(len(tokens.ids) for tokens in read), cut)

    async def close(self) -> None:
        """End the threads after what is queued; the next call would start them again."""
        with self._starting:
            running, self._running = self._running, None
        if running is not None:
            await asyncio.to_thread(running.close)

    async def _started(self, priority: Priority) -> _Running:
        with self._starting:
            if self._running is None or self._running.failed:
                self._running = _Running(self.name, self._load)
            running = self._running
        if not running.loaded:
            # Shielded: the others wait for it, too.
            loading = asyncio.shield(asyncio.wrap_future(running.engine))
            try:
                await asyncio.wait_for(loading, self._load_wait if priority == "query" else None)
            except TimeoutError:
                raise ProviderUnavailable(
                    "The embedding model is still loading; try again in a few seconds."
                ) from None
        return running


class _Running:
    """An engine with its threads; `engine` is there when it has loaded."""

    def __init__(self, name: str, load: Callable[[], Engine]) -> None:
        self.engine: Future[Engine] = Future()
        self._name = name
        self._load = load
        self._waiting = WaitingTexts()
        # Of their own: what is read of a query does not wait for that of a collection.
        self._readers: dict[Priority, ThreadPoolExecutor] = {
            "query": ThreadPoolExecutor(1, f"read-{name}"),
            "bulk": ThreadPoolExecutor(1, f"read-{name}"),
        }
        self._filling = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._begin(self._run)

    @property
    def loaded(self) -> bool:
        return self.engine.done() and self.engine.exception() is None

    @property
    def failed(self) -> bool:
        return self.engine.done() and self.engine.exception() is not None

    async def put(
        self, inputs: Sequence[TextOrTokens], request: Request, priority: Priority
    ) -> list[Tokens]:
        """Tokenise what `request` is for and let it wait for the engine."""
        loop, reader = asyncio.get_running_loop(), self._readers[priority]
        read: list[Tokens] = []
        for at in range(0, len(inputs), SLICE):
            part = inputs[at : at + SLICE]
            tokens = await loop.run_in_executor(reader, self.engine.result().tokenize, part)
            texts = [Waiting(each.ids, request, at + row) for row, each in enumerate(tokens)]
            self._waiting.put(texts, priority)
            read += tokens
        return read

    def close(self) -> None:
        self._waiting.close()
        for thread in self._threads:  # the first adds the others before it ends
            thread.join()
        for reader in self._readers.values():
            reader.shutdown()

    def _begin(self, work: Callable[..., None], *arguments: Engine) -> None:
        name = f"embed-{self._name}"
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        try:
            engine = self._load()
        except Exception as error:
            self.engine.set_exception(self._failure(error))
            return
        for _ in range(1, engine.lanes):
            self._begin(self._lane, engine)
        self.engine.set_result(engine)
        self._lane(engine)

    def _lane(self, engine: Engine) -> None:
        while batch := self._waiting.take(engine.batch_tokens):
            try:
                vectors = engine.encode([text.ids for text in batch])
                with self._filling:  # texts of one request may be in several lanes
                    _answer(batch, vectors)
            except Exception as error:
                _fail(batch, self._failure(error))

    def _failure(self, error: Exception) -> ProviderError:
        """What an engine raised, without the text it was given."""
        if isinstance(error, ProviderError):
            return error
        return ProviderUnavailable(
            f"The embedding engine `{self._name}` failed ({type(error).__name__}); see its log.",
            retry_after=30,
        )


def _answer(batch: Sequence[Waiting], vectors: Vectors) -> None:
    for text, vector in zip(batch, vectors, strict=True):
        request = text.request
        request.vectors[text.row] = vector
        request.left -= 1
        if not request.left and request.result.set_running_or_notify_cancel():
            request.result.set_result(request.vectors)


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for text in batch:
        result = text.request.result
        if not result.done() and result.set_running_or_notify_cancel():
            result.set_exception(error)
