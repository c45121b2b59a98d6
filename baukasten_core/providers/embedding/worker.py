"""What engines inside this process share: threads that take batches of all callers' texts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from baukasten_core.contracts.embedding import Embedded, EmbeddingSpace, Priority, TextOrTokens
from baukasten_core.errors import BaukastenError, ProviderUnavailable
from baukasten_core.providers.embedding.tokens import Tokens
from baukasten_core.providers.embedding.vectors import Vectors
from baukasten_core.providers.embedding.waiting import Places, Request, WaitingTexts

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
            request = Request(inputs, priority, vectors, left=len(inputs))
            running.submit(request)
            return await asyncio.wrap_future(request.result)

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

    def submit(self, request: Request) -> None:
        """Read what it is for, then let it wait for the engine."""
        self._readers[request.priority].submit(self._read, request)

    def close(self) -> None:
        for reader in self._readers.values():
            reader.shutdown()
        self._waiting.close()
        for thread in self._threads:  # the first adds the others before it ends
            thread.join()

    def _read(self, request: Request) -> None:
        engine = self.engine.result()
        size = max(SLICE, engine.batch_tokens // SLICE)
        for at in range(0, len(request.inputs), size):
            if request.result.done():  # its caller went away
                return
            try:
                tokens = engine.tokenize(request.inputs[at : at + size])
            except Exception as error:
                with self._filling:
                    request.fail(self._failure(error))
                return
            self._waiting.put(request.read(tokens), request.priority)

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
        while batch := self._waiting.take(engine.batch_tokens, engine.lanes):
            try:
                vectors = engine.encode([text.ids for text in batch])
                with self._filling:  # texts of one request may be in several lanes
                    for text, vector in zip(batch, vectors, strict=True):
                        text.request.fill(text.row, vector)
            except Exception as error:
                with self._filling:
                    for text in batch:
                        text.request.fail(self._failure(error))

    def _failure(self, error: Exception) -> BaukastenError:
        """What an engine raised, without the text it was given."""
        if isinstance(error, BaukastenError):
            return error
        return ProviderUnavailable(
            f"The embedding engine `{self._name}` failed ({type(error).__name__}); see its log.",
            retry_after=30,
        )
