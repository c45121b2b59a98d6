"""The core's contracts over Serve handles: an embedder and a gateway in other processes.

What the other side raised on purpose arrives as it was. A replica that died is retried where
that is safe: embedding may be done twice, and an answer may be asked for again as long as its
first event has not come. "No replica yet" is `ProviderUnavailable`, like any provider that does
not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from ray import serve
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from baukasten_core.contracts.embedding import EmbeddingSpace, Priority
from baukasten_core.contracts.gateway import LOCAL, GatewayCall, GatewayEvent, ModelListing
from baukasten_core.documents.embedders import DEFAULT
from baukasten_core.errors import (
    BaukastenError,
    ProviderTimeout,
    ProviderUnavailable,
    StreamInterrupted,
)
from baukasten_core.services import Check

T = TypeVar("T")

ATTEMPTS = 3
PATIENCE = 5.0
"""Seconds to wait for a first replica before saying that there is none."""

QUERY_SECONDS = 30.0
BULK_SECONDS = 300.0
MODELS_SECONDS = 30.0
CHECK_SECONDS = 3.0
ASK_AGAIN_SECONDS = 1.0
GRACE_SECONDS = 5.0
"""On top of a request's own timeout, which the gateway itself enforces."""

PULL_SECONDS = 600.0
"""Between two pieces of news: a server may look at what it has fetched for a while."""

LOST = (RayActorError, ActorUnavailableError)
"""The replica died, or can't be reached, before it answered."""


class EmbedderHandle:
    """An `EmbeddingProvider` that is the application `embedder`.

    Args:
        space: what the configured provider computes; None where only an answer of its server
            tells. Then the application is asked in the background until it knows.
        handle: by default, the running application's.
        embedder: which of the configured ones, by its name in the settings.
    """

    def __init__(
        self, space: EmbeddingSpace | None, handle: Any = None, *, embedder: str = DEFAULT
    ) -> None:
        self.name = "embedder"
        self._embedder = embedder
        self._space = space
        self._remote = Remote("embedder", handle)
        self._learning = None if space else asyncio.create_task(self._learn_in_time())

    @property
    def space(self) -> EmbeddingSpace:
        """Raises `ProviderUnavailable` until it is known."""
        if self._space is None:
            raise ProviderUnavailable(
                "The embedding model's server has not answered yet; ask again soon."
            )
        return self._space

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        if self._space is None:
            await self._learn()
        if not texts:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        seconds = QUERY_SECONDS if priority == "query" else BULK_SECONDS
        vectors: NDArray[np.float32] = await self._remote.call(
            "embed", list(texts), priority, self._embedder, seconds=seconds
        )
        return vectors

    async def _learn(self) -> None:
        self._space = await self._remote.call("space", self._embedder, seconds=QUERY_SECONDS)

    async def _learn_in_time(self) -> None:
        while self._space is None:
            try:
                await self._learn()
            except BaukastenError:  # `/health` says what is wrong there
                await asyncio.sleep(ASK_AGAIN_SECONDS)


class GatewayHandle:
    """An `LLMGateway` that is the application `gateway`."""

    def __init__(self, handle: Any = None) -> None:
        self._remote = Remote("gateway", handle)

    async def models(
        self, residency: frozenset[str] = LOCAL, instance: str | None = None
    ) -> ModelListing:
        listing: ModelListing = await self._remote.call(
            "models", residency, instance, seconds=MODELS_SECONDS
        )
        return listing

    async def context(self, call: GatewayCall) -> int | None:
        tokens: int | None = await self._remote.call("context", call, seconds=MODELS_SECONDS)
        return tokens

    def generate(self, call: GatewayCall) -> AsyncGenerator[GatewayEvent, None]:
        seconds = call.request.timeout + GRACE_SECONDS
        return self._remote.stream("generate", call, seconds=seconds)

    def pull(
        self, model: str, instance: str | None = None
    ) -> AsyncGenerator[tuple[int, int], None]:
        return self._remote.stream("pull", model, instance, seconds=PULL_SECONDS)


def application_check(application: str, handle: Any = None) -> Check:
    """A health check that asks another application how it is."""
    remote = Remote(application, handle)

    async def check() -> str | None:
        answer: str | None = await remote.call("health", seconds=CHECK_SECONDS)
        return answer

    return check


class Remote:
    """Calls one application, and turns what Serve raises into what the contracts raise."""

    def __init__(self, application: str, handle: Any = None) -> None:
        self._application = application
        self._given = handle

    async def call(self, method: str, *arguments: Any, seconds: float) -> Any:
        """One answer; repeated on another replica when one is lost."""
        async with _deadline(self._application, seconds):
            return await self._repeated(lambda: self._ask(method, arguments))

    async def stream(
        self, method: str, *arguments: Any, seconds: float
    ) -> AsyncGenerator[Any, None]:
        """Events as they come. `seconds` is how long the first and each next one may take."""
        events, first = await self._opened(method, arguments, seconds)
        try:
            yield first
            while True:
                try:
                    async with _deadline(self._application, seconds):
                        event = await anext(events)
                except StopAsyncIteration:
                    return
                except BaseException as error:
                    raise self._broken(error) from None
                yield event
        finally:
            events.cancel()

    async def _opened(self, method: str, arguments: Any, seconds: float) -> tuple[Any, Any]:
        """The stream and its first event: up to then, asking again is safe."""

        async def start() -> tuple[Any, Any]:
            handle = await self._handle()
            events = getattr(handle.options(stream=True), method).remote(*arguments)
            try:
                return events, await anext(events)
            except BaseException:
                events.cancel()
                raise

        async with _deadline(self._application, seconds):
            return await self._repeated(start)

    async def _ask(self, method: str, arguments: Any) -> Any:
        handle = await self._handle()
        response = getattr(handle, method).remote(*arguments)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()
            raise

    async def _repeated(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await attempt()
            except StopAsyncIteration:
                raise StreamInterrupted("the answer ended before it began") from None
            except Exception as error:
                if left and isinstance(cause(error), LOST):
                    await asyncio.sleep(0.2)
                    continue
                raise self._translated(error) from None
        raise AssertionError("unreachable")

    async def _handle(self) -> DeploymentHandle[Any]:
        if self._given is None:
            self._given = serve.get_deployment_handle(self._application, self._application)
            if not self._given.is_initialized:  # Serve gives the same one to everybody
                self._given._init()  # now, so that it hears of replicas before the first call
        waited = 0.0
        while not self._given.running_replicas_populated():
            if waited >= PATIENCE:
                raise ProviderUnavailable(
                    f"The application `{self._application}` is still starting; ask again soon."
                )
            await asyncio.sleep(0.05)
            waited += 0.05
        handle: DeploymentHandle[Any] = self._given
        return handle

    def _translated(self, error: Exception) -> Exception:
        found = cause(error)
        if isinstance(found, BaukastenError):
            return found
        if isinstance(found, BackPressureError):
            return ProviderUnavailable(
                f"The application `{self._application}` has too much to do; ask again soon."
            )
        if isinstance(found, RayError | RayServeException | TimeoutError):
            return ProviderUnavailable(f"The application `{self._application}` does not answer.")
        return found

    def _broken(self, error: BaseException) -> BaseException:
        """What a stream raises after its first event."""
        if not isinstance(error, Exception):
            return error
        found = cause(error)
        if isinstance(found, BaukastenError) and not isinstance(found, ProviderUnavailable):
            return found
        if isinstance(found, BaukastenError | RayError | RayServeException):
            return StreamInterrupted("the model's answer broke off before its end; ask again")
        return found


@asynccontextmanager
async def _deadline(application: str, seconds: float) -> AsyncIterator[None]:
    """`asyncio.timeout` whose end is `ProviderUnavailable`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ProviderTimeout(
            f"The application `{application}` did not answer within {seconds:.0f} s."
        ) from None


def cause(error: Exception) -> Exception:
    """What was raised on the other side, without Ray's wrapping."""
    found: BaseException = error
    while isinstance(found, RayTaskError) and isinstance(found.cause, BaseException):
        if found.cause is found:
            break
        found = found.cause
    return found if isinstance(found, Exception) else error
