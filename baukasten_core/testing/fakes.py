"""Fakes that behave: they pass the contract suites, and need no model, server or disk."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from baukasten_core.contracts.embedding import EmbeddingSpace, Priority
from baukasten_core.contracts.llm import (
    Capabilities,
    Event,
    Finished,
    FinishReason,
    GenerateRequest,
    Model,
    TextDelta,
    Usage,
)
from baukasten_core.contracts.mail import Mail
from baukasten_core.contracts.storage import check_key, check_prefix
from baukasten_core.errors import ModelNotFound, NotFound, ProviderUnavailable

WORD = re.compile(r"\w+")
LINK_TOKEN = re.compile(r"#token=([\w-]+)")


class FakeEmbedder:
    """Texts that share words (or their first five letters) are near; the same on every run.

    A hashed bag of words, so that search tests are fast and still mean something.
    """

    name = "fake"

    def __init__(self, dimensions: int = 256) -> None:
        self.space = EmbeddingSpace("fake", "hashed-words", "1", dimensions, max_tokens=100_000)

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "bulk"
    ) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.space.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            # The first place stands for "a text": never a row of zeros, and all are a bit alike.
            row[0] = 0.5
            for word in WORD.findall(text.lower()[:100_000]):
                row[self._place(word)] += 1.0
                row[self._place(word[:5] + "*")] += 0.5
            row /= np.linalg.norm(row)
        return vectors

    def _place(self, word: str) -> int:
        code = zlib.crc32(word.encode("utf-8", "replace"))
        return 1 + code % (self.space.dimensions - 1)


class MemoryMailer:
    """Keeps mails instead of sending them; `fail` makes it refuse, as a server would."""

    name = "memory"
    server: str | None = None
    region: str | None = None

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.fail = False

    async def send(self, mail: Mail) -> None:
        if self.fail:
            raise ProviderUnavailable("The mail server does not answer.")
        self.sent.append(mail)

    def last(self, to: str) -> Mail:
        """The last mail to an address."""
        return [mail for mail in self.sent if mail.to == to][-1]

    def token(self, to: str) -> str:
        """The token in the link of the last mail to an address."""
        found = LINK_TOKEN.search(self.last(to).text)
        assert found, "the mail has no link"
        return found[1]


class MemoryBlobStore:
    """Files in a dictionary."""

    name = "memory"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        check_key(key)
        content = b"".join([piece async for piece in data])
        self.files[key] = content
        return len(content)

    async def open(self, key: str) -> AsyncIterator[bytes]:
        check_key(key)
        if key not in self.files:
            raise NotFound("There is no such file.")
        content = self.files[key]
        for at in range(0, len(content), 65536):
            yield content[at : at + 65536]

    async def delete(self, prefix: str) -> int:
        check_prefix(prefix)
        keys = [key for key in self.files if key.startswith(prefix)]
        for key in keys:
            del self.files[key]
        return len(keys)


class FakeLLM:
    """Says what it is told to, word by word, in this process.

    Attributes:
        reply: the text, or a function of the request that gives it.
        requests: what it was asked, in order.
        error: raised instead of an answer, once `error_after` words were said.
    """

    name = "fake"
    capabilities = Capabilities(structured_output=True, in_process=True)

    def __init__(
        self,
        reply: str | Callable[[GenerateRequest], str] = "This is a fake answer.",
        *,
        models: Sequence[str] = ("fake-model",),
    ) -> None:
        self.reply = reply
        self.requests: list[GenerateRequest] = []
        self.error: Exception | None = None
        self.error_after = 0
        self._models = tuple(models)

    async def models(self) -> Sequence[Model]:
        return [Model(name, "Not a model at all") for name in self._models]

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        if request.model not in self._models:
            raise ModelNotFound(f"The fake has no model `{request.model}`.")
        text = self.reply if isinstance(self.reply, str) else self.reply(request)
        words = re.findall(r"\s*\S+", text)
        said = words[: request.max_tokens]
        for index, word in enumerate(said):
            if self.error is not None and index >= self.error_after:
                raise self.error
            yield TextDelta(word)
        prompt = sum(len(message.content.split()) for message in request.messages)
        reason: FinishReason = "length" if len(said) < len(words) else "stop"
        yield Finished(reason, Usage(prompt, len(said)), request.model)
