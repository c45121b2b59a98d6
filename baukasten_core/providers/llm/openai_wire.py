"""OpenAI's wire format over plain HTTP: what `openai_compatible` and `grok` are made of.

Not through OpenAI's SDK, see docs/decisions/openai-wire-without-sdk.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr
from pydantic_core import from_json, to_json

from baukasten_core.contracts.llm import (
    Capabilities,
    Event,
    GenerateRequest,
    Model,
    TextDelta,
    ToolCallDelta,
)
from baukasten_core.errors import ProviderError, ProviderUnavailable
from baukasten_core.providers.llm.openai_format import (
    Spoken,
    body_of,
    message_of,
    model_of,
    object_of,
)
from baukasten_core.providers.llm.remote import (
    RemoteLLMConfig,
    from_status,
    load,
    secret,
    timed_out,
    unreachable,
)
from baukasten_core.providers.llm.sse import EventData

if TYPE_CHECKING:
    import aiohttp

LIST_SECONDS = 10.0
MOST_OF_AN_ERROR = 64 * 1024
DONE = b"[DONE]"


class OpenAIConfig(RemoteLLMConfig):
    """A server that speaks OpenAI's protocol."""

    api_key: SecretStr | None = Field(None, description="Its key, where it asks for one.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="What the server calls the limit; OpenAI's own is the second."
    )


class OpenAIWire:
    """An LLMProvider over `/chat/completions` and `/models`."""

    name: str
    title: str
    capabilities = Capabilities(structured_output=True, tools=True, images=True, logprobs=True)

    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config
        self._url = config.base_url.rstrip("/")

    async def models(self) -> Sequence[Model]:
        self.check()
        try:
            async with asyncio.timeout(LIST_SECONDS), self._asked("GET", "/models") as content:
                listed = object_of(await content.read())
        except TimeoutError:
            raise timed_out(self.title) from None
        try:
            return [model_of(model) for model in listed["data"]]
        except (LookupError, TypeError, AttributeError):
            raise self._unreadable() from None

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        self.check()
        body = to_json(body_of(request, self.config.max_tokens_field))
        asked = self._asked("POST", "/chat/completions", body, request.model)
        spoken, events = Spoken(), EventData()
        async with asked as content:
            async for piece in content.iter_any():
                for data in events.feed(piece):
                    delta = None if data == DONE else self._take(spoken, data)
                    if delta is not None:
                        yield delta
        for call in spoken.calls():
            yield ToolCallDelta(call)
        if spoken.reason is not None:
            yield spoken.finished(request)

    async def aclose(self) -> None:
        if "_http" in self.__dict__:
            await self._http.close()

    # --- for subclasses -----------------------------------------------------------------------

    def check(self) -> None:
        """Raise ProviderNotConfigured when a key is missing."""

    def refusal(
        self, status: int, message: str, *, model: str = "", retry_after: str | None = None
    ) -> ProviderError:
        """The contract's error for an answer that is none; `message` is the vendor's."""
        return from_status(
            self.title, status, model=model, message=message, retry_after=retry_after
        )

    # --- the wire -----------------------------------------------------------------------------

    @cached_property
    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        trusted = self.config.ca_file
        key = secret(self.config.api_key)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                ssl=ssl.create_default_context(cafile=str(trusted)) if trusted else True,
            ),
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
            timeout=aiohttp.ClientTimeout(None, sock_connect=self.config.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
            proxy=self.config.proxy,
            trust_env=False,
        )

    def _take(self, spoken: Spoken, data: bytes) -> TextDelta | None:
        try:
            chunk = from_json(data)
            if "error" not in chunk:
                return spoken.take(chunk)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self._unreadable() from None
        raise self.refusal(500, message_of(chunk))

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: bytes | None = None, model: str = ""
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """What the server answers; raises the contract's errors, also while it is read. How long
        that may take is the caller's to say."""
        await load("aiohttp")
        import aiohttp

        # Some servers fail at listing and close the connection then, just when it is used again.
        headers = None if body else {"Connection": "close"}
        try:
            async with self._http.request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    said = message_of(object_of(await response.content.read(MOST_OF_AN_ERROR)))
                    wait = response.headers.get("Retry-After")
                    raise self.refusal(response.status, said, model=model, retry_after=wait)
                yield response.content
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectionError):
            raise unreachable(self.title, self.config.base_url) from None
        except (aiohttp.ClientError, ValueError):
            raise self._unreadable() from None

    def _unreadable(self) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"{self.title} at {self.config.base_url} sent what is not OpenAI's format.",
            hint="Is its `base_url` right?",
        )
