"""Kit: the services of the platform bound to one caller: what a showcase works with.

In a route, take `CurrentKit`; in a job, it is the first argument. Nothing here bypasses
row-level security or residency: a Kit can do what its caller can do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from baukasten_core.accounts.scopes import require_scope
from baukasten_core.contracts.auth import Language, Principal
from baukasten_core.contracts.gateway import Answer, GatewayCall, GatewayEvent, collect
from baukasten_core.contracts.llm import GenerateRequest, Message, Source
from baukasten_core.contracts.retrieval import DocumentText, Passage
from baukasten_core.contracts.showcase import ShowcaseOptions
from baukasten_core.db.remembered import recall
from baukasten_core.documents.access import within_project
from baukasten_core.documents.kept import KeptFiles
from baukasten_core.errors import NotFound, ProviderNotConfigured
from baukasten_core.evidence.citations import Citation, cite
from baukasten_core.gateway.tracing import traceparent
from baukasten_core.projects.models import Project
from baukasten_core.projects.residency import allowed_residency
from baukasten_core.projects.service import get_project

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from baukasten_core.contracts.embedding import Priority
    from baukasten_core.contracts.speech import SpeechSegment
    from baukasten_core.services import Services

LANGUAGES: tuple[Language, ...] = get_args(Language)

OptionsT = TypeVar("OptionsT", bound=ShowcaseOptions)

SURE_OF_LANGUAGE = 0.9


class Kit:
    """The platform, as one caller may use it."""

    def __init__(self, services: Services, principal: Principal) -> None:
        self.services = services
        self.principal = principal

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return self.principal.language

    def options(self, kind: type[OptionsT]) -> OptionsT:
        """What the operator has configured for the showcase (`plugins.options` in the settings),
        as the model that it registered: `kit.options(NotesOptions)`."""
        return self.services.host.options(kind)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction that sees the caller's rows alone; commits at exit."""
        return self.services.database.transaction(self.principal.scope)

    async def project(self, project_id: UUID, *, type_: str | None = None) -> Project:
        """The project; raises `NotFound` unless the caller may see it and it is of `type_`."""
        async with self.transaction() as session:
            project = await get_project(session, project_id)
        if type_ is not None and project.type != type_:
            raise NotFound("Project not found", hint=f"It is no `{type_}` project.")
        return project

    # --- retrieval ------------------------------------------------------------------------

    async def search(
        self,
        project_id: UUID | None,
        query: str,
        *,
        limit: int = 5,
        documents: Sequence[UUID] | None = None,
    ) -> list[Passage]:
        """Passages that answer `query`, best first, from a project's documents, or from all of
        the tenant's. Compare `score` with `relevant_score` to tell "nothing relevant".

        Raises `Forbidden` for an API key that may not read, whatever it may write.
        """
        require_scope(self.principal, "read")
        return await self.services.searcher.search(
            self.principal, query, project_id=project_id, limit=limit, documents=documents
        )

    @property
    def relevant_score(self) -> float:
        """The score under which a passage counts as not relevant."""
        return self.services.settings.retrieval.relevant_score

    async def texts(self, document_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The extracted text of each document the caller may see."""
        from baukasten_core.documents.models import Document

        async with self.transaction() as session:
            query = select(Document.id, Document.content).where(Document.id.in_(document_ids))
            return {row.id: row.content or "" for row in await session.execute(query)}

    async def documents(
        self, document_ids: Sequence[UUID], *, with_text: bool = True
    ) -> dict[UUID, DocumentText]:
        """The documents the caller may see, with their whole texts, or without any (and without
        pages) where only their names and states are wanted."""
        from baukasten_core.documents.models import Document

        wanted = select(Document).where(Document.id.in_(document_ids))
        if with_text:
            wanted = wanted.options(undefer(Document.content), undefer(Document.pages))
        async with self.transaction() as session:
            rows = await session.scalars(wanted)
            return {row.id: _document_text(row, with_text) for row in rows}

    async def add_text(
        self, content: str, *, project_id: UUID | None, title: str | None = None
    ) -> UUID:
        """A new document from text; it can be searched some moments later.

        Raises `Unprocessable` for nothing but white space, `Conflict` for text that is there
        already (its `extra["document_id"]` names the document).
        """
        documents = self.services.documents
        added = await documents.add_text(
            self.principal, content, project_id=project_id, title=title
        )
        return added.id

    async def add_url(self, url: str, *, project_id: UUID | None) -> UUID:
        """A new document from a public web address, fetched now.

        Raises `Unprocessable` for an address that is not public, can't be reached or has no
        text, `Conflict` as `add_text`.
        """
        added = await self.services.documents.add_url(self.principal, url, project_id=project_id)
        return added.id

    async def detect_language(self, text: str) -> Language | None:
        """Which of the platform's languages a text is in, None where that can't be told: a few
        words look like several, so they must look like one far more than like the others."""
        found = await self.services.languages.detect_in_thread(text, LANGUAGES)
        if found is None or found.confidence < SURE_OF_LANGUAGE:
            return None
        return cast("Language", found.language)

    async def cite(self, answer: str, passages: Sequence[Passage]) -> list[Citation]:
        """The citations `[n]` of an answer, each checked word for word against the documents as
        they are now."""
        texts = await self.texts([passage.document_id for passage in passages])
        return cite(answer, passages, texts)

    # --- language models ------------------------------------------------------------------

    async def generate(
        self, messages: Sequence[Message], *, project_id: UUID | None = None, **options: Any
    ) -> Answer:
        """A whole answer; options as for `stream`."""
        return await collect(self.stream(messages, project_id=project_id, **options))

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        project_id: UUID | None = None,
        provider: str | None = None,
        model: str = "",
        sources: Sequence[Source] = (),
        question: str = "",
        response_schema: Mapping[str, Any] | None = None,
        temperature: float = 0.3,
        max_tokens: int = 2000,
        timeout: float | None = None,
    ) -> AsyncGenerator[GatewayEvent, None]:
        """An answer as events (see `contracts.gateway`), from `provider` or the configured
        chain, within the residency of the project and tenant.

        Args:
            sources: passages the answer rests on; they are part of the messages already.
            question: what the sources shall answer, alone; lets `extractive` quote to the point.

        Raises what `LLMGateway.generate` raises.
        """
        request = GenerateRequest(
            model=model,
            messages=tuple(messages),
            temperature=temperature,
            max_tokens=max_tokens,
            timeout=timeout or self.services.settings.llm.timeout,
            response_schema=response_schema,
            sources=tuple(sources),
            question=question,
        )
        async with aclosing(self.ask(request, provider=provider, project_id=project_id)) as events:
            async for event in events:
                yield event

    async def ask(
        self,
        request: GenerateRequest,
        *,
        provider: str | None = None,
        project_id: UUID | None = None,
        residency: Collection[str] | None = None,
    ) -> AsyncGenerator[GatewayEvent, None]:
        """A request as it goes to the gateway, for what `stream` has no option for (tools,
        images, stop sequences, ...).

        Args:
            residency: regions that this one request may be processed in, of those that may be.
        """
        asked = await self.asked(request, provider, project_id, residency)
        async with aclosing(asked) as events:
            async for event in events:
                yield event

    async def asked(
        self,
        request: GenerateRequest,
        provider: str | None = None,
        project_id: UUID | None = None,
        residency: Collection[str] | None = None,
    ) -> AsyncGenerator[GatewayEvent, None]:
        """The gateway's events, which `ask` passes on; whoever takes them closes them."""
        call = await self._call(request, provider, project_id, residency)
        return cast("AsyncGenerator[GatewayEvent, None]", self.services.gateway.generate(call))

    async def _call(
        self,
        request: GenerateRequest,
        provider: str | None,
        project_id: UUID | None,
        residency: Collection[str] | None = None,
    ) -> GatewayCall:
        allowed = await self.residency(project_id)
        return GatewayCall(
            request=request,
            instance=provider,
            tenant_id=self.principal.tenant_id,
            user_id=self.principal.user_id,
            project_id=project_id,
            residency=allowed if residency is None else allowed.intersection(residency),
            api_key_id=self.principal.api_key_id,
            traceparent=traceparent(),
        )

    async def residency(self, project_id: UUID | None = None) -> frozenset[str]:
        """The regions where the caller's data may be processed, in a project or in the tenant.

        Raises `NotFound` for a project that is not the caller's.
        """
        project_id = within_project(self.principal, project_id)

        async def ask() -> frozenset[str]:
            async with self.transaction() as session:
                return await allowed_residency(session, self.principal.tenant_id, project_id)

        key = "residency", self.principal.scope, project_id
        return await recall(self.services.remembered, key, ask)

    async def llm_instance(self, project_id: UUID | None = None) -> str | None:
        """The first instance of the configured chain that has a model now and may have this
        project's data; None where nobody but `extractive` is left, which can't follow
        instructions. For work that has to be done by one and the same model."""
        listing = await self.services.gateway.models(await self.residency(project_id))
        usable = {m.instance for m in listing.models if m.allowed and m.provider != "extractive"}
        chain = (name.lower() for name in self.services.settings.llm.chain)
        return next((name for name in chain if name in usable), None)

    async def context(
        self, *, project_id: UUID | None = None, provider: str | None = None, model: str = ""
    ) -> int | None:
        """The tokens that prompt and answer may have together at the model that `stream` would
        ask first, None where its server does not say. `count_tokens` counts a text's.

        Raises `BadRequest` for an unknown provider.
        """
        request = GenerateRequest(model=model, messages=())
        return await self.services.gateway.context(await self._call(request, provider, project_id))

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = "query", project_id: UUID | None = None
    ) -> NDArray[np.float32]:
        """Vectors of texts, in order, unless the embedder is where the data may not go."""
        project_id = within_project(self.principal, project_id)
        return await self.services.embedders.default.embed(
            self.principal.scope, project_id, texts, priority=priority
        )

    async def transcribe(
        self,
        audio: bytes,
        media_type: str,
        *,
        project_id: UUID | None = None,
        language: str | None = None,
    ) -> AsyncGenerator[SpeechSegment, None]:
        """What is said in a recording, as it is recognised, unless the speech provider is where
        the data may not go.

        Raises `ProviderNotConfigured` where the operator has named none, and what
        `SpeechProvider.transcribe` raises.
        """
        services = self.services
        if services.speech is None:
            raise ProviderNotConfigured(
                "Recordings can't be transcribed here.",
                hint="The operator installs a plugin that can, and names it as `speech.provider`.",
            )
        if services.speech_guard is not None:
            await services.speech_guard(
                self.principal.scope, within_project(self.principal, project_id)
            )
        segments = services.speech.transcribe(audio, media_type, language=language)
        async with aclosing(cast("AsyncGenerator[SpeechSegment, None]", segments)) as heard:
            async for segment in heard:
                yield segment

    # --- files --------------------------------------------------------------------------------

    async def put_file(self, project_id: UUID, file_id: UUID, data: bytes, *, filename: str) -> int:
        """Keep a file with a project, under an id of the showcase's (a row's, say); answers its
        size. The same id again replaces it. It goes with the project and with its user, whose
        export holds it under `filename`.

        Raises `NotFound` when the project is not there (any more).
        """
        return await self._files.put(project_id, file_id, data, filename)

    async def open_file(self, project_id: UUID, file_id: UUID) -> AsyncIterator[bytes]:
        """A file's content in pieces. The showcase checks first that the caller may see the row
        it belongs to.

        Raises `NotFound` at once, not while iterating, when there is no such file.
        """
        return await self._files.open(project_id, file_id)

    async def delete_file(self, project_id: UUID, file_id: UUID) -> bool:
        """Delete a file; answers whether there was one."""
        return await self._files.delete(project_id, file_id)

    @property
    def _files(self) -> KeptFiles:
        services = self.services
        return KeptFiles(services.database, services.blobs, self.principal, services.blob_guard)

    # --- background work ------------------------------------------------------------------

    async def enqueue(self, session: AsyncSession, job: str, **ids: UUID) -> None:
        """Run a job of the showcase (`Showcase.jobs`) in the background, once this transaction
        has committed; `ids` are handed to it."""
        values = cast("dict[str, Any]", ids)
        await self.services.jobs.enqueue(session, self.principal, job, **values)


def _document_text(row: Any, with_text: bool) -> DocumentText:
    return DocumentText(
        id=row.id,
        project_id=row.project_id,
        title=row.title or row.filename or row.url or "",
        text=(row.content or "") if with_text else "",
        status=row.status,
        error=row.error,
        language=row.language,
        pages=tuple(row.pages or ()) if with_text else (),
    )
