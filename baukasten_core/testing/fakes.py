"""Fakes that behave: they pass the contract suites, and need no model, server or disk."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

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
from baukasten_core.contracts.speech import SpeechSegment
from baukasten_core.contracts.storage import VectorHit, check_key, check_prefix
from baukasten_core.errors import ModelNotFound, NotFound, ProviderRejected, ProviderUnavailable

WORD = re.compile(r"\w+")
CHUNKS = sa.text(
    "SELECT id, document_id, project_id FROM core.chunks WHERE id = ANY(CAST(:ids AS uuid[]))"
)
LINK_TOKEN = re.compile(r"#token=([\w-]+)")


class FakeEmbedder:
    """Texts that share words (or their first five letters) are near; the same on every run.

    A hashed bag of words, so that search tests are fast and still mean something. Each
    `variant` has places of its own for the words, so that its vectors mean nothing to another's.
    """

    name = "fake"

    def __init__(self, dimensions: int = 256, variant: str = "") -> None:
        model = f"hashed-words{variant}"
        self.space = EmbeddingSpace("fake", model, "1", dimensions, max_tokens=100_000)
        self._salt = zlib.crc32(variant.encode())

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
        code = zlib.crc32(word.encode("utf-8", "replace"), self._salt)
        return 1 + code % (self.space.dimensions - 1)


class FakeReranker:
    """The share of the query's words that a passage has."""

    name = "fake"

    async def rerank(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        wanted = set(WORD.findall(query.lower()))
        found = [wanted & set(WORD.findall(passage.lower())) for passage in passages]
        return [len(words) / max(len(wanted), 1) for words in found]


class FakeSpeech:
    """Hears what it is given: a recording's bytes are its text, one second a line."""

    name = "fake"

    async def transcribe(
        self, audio: bytes, media_type: str, *, language: str | None = None
    ) -> AsyncIterator[SpeechSegment]:
        for number, line in enumerate(self._lines(audio, media_type)):
            yield SpeechSegment(float(number), number + 1.0, line)

    def _lines(self, audio: bytes, media_type: str) -> Sequence[str]:
        try:
            said = audio.decode() if media_type.startswith("audio/") else ""
        except UnicodeDecodeError:
            said = ""
        if not said:
            raise ProviderRejected("This is no recording that can be read.")
        return said.splitlines()


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


@dataclass(frozen=True)
class _Vector:
    tenant_id: UUID
    project_id: UUID | None
    document_id: UUID
    values: NDArray[np.float32]


class MemoryVectorStore:
    """Vectors in a dictionary, by space and chunk: a store outside of PostgreSQL."""

    name = "memory"
    in_database = False

    def __init__(self) -> None:
        self.vectors: dict[tuple[str, UUID], _Vector] = {}

    async def prepare(self, session: AsyncSession, space: EmbeddingSpace) -> None:
        pass

    async def add(
        self,
        session: AsyncSession,
        space: EmbeddingSpace,
        tenant_id: UUID,
        chunk_ids: Sequence[UUID],
        vectors: NDArray[np.float32],
    ) -> None:
        given = dict(zip(chunk_ids, vectors, strict=True))
        for row in await session.execute(CHUNKS, {"ids": list(chunk_ids)}):
            found = _Vector(tenant_id, row.project_id, row.document_id, given[row.id])
            self.vectors[space.id, row.id] = found

    async def search(
        self,
        session: AsyncSession,
        space: EmbeddingSpace,
        tenant_id: UUID,
        query: NDArray[np.float32],
        *,
        limit: int,
        project_id: UUID | None = None,
        document_ids: Sequence[UUID] | None = None,
        chunk_ids: Sequence[UUID] | None = None,
        size: int | None = None,
    ) -> Sequence[VectorHit]:
        hits = [
            VectorHit(chunk, float(vector.values @ query))
            for (kept_in, chunk), vector in self.vectors.items()
            if kept_in == space.id
            and _is_in(vector, tenant_id, project_id, document_ids)
            and (chunk_ids is None or chunk in chunk_ids)
        ]
        return sorted(hits, key=lambda hit: -hit.cosine)[:limit]

    async def remove(
        self,
        session: AsyncSession,
        tenant_id: UUID,
        document_ids: Sequence[UUID] | None = None,
        *,
        project_id: UUID | None = None,
        space: str | None = None,
    ) -> None:
        for key, vector in list(self.vectors.items()):
            if space in (None, key[0]) and _is_in(vector, tenant_id, project_id, document_ids):
                del self.vectors[key]


def _is_in(
    vector: _Vector,
    tenant_id: UUID,
    project_id: UUID | None,
    document_ids: Sequence[UUID] | None,
) -> bool:
    return (
        vector.tenant_id == tenant_id
        and project_id in (None, vector.project_id)
        and (document_ids is None or vector.document_id in document_ids)
    )


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
