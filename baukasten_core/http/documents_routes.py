"""`/documents`: put in, listed, searched, read and deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError

from baukasten_core.contracts.auth import Principal
from baukasten_core.documents.models import Document
from baukasten_core.documents.search import DocumentHit
from baukasten_core.documents.service import NewText
from baukasten_core.errors import Unprocessable
from baukasten_core.http.dependencies import (
    Caller,
    CurrentKit,
    PageCursor,
    PageLimit,
    ServicesDep,
    Session,
)
from baukasten_core.http.documents_events import progress_events
from baukasten_core.http.documents_schemas import (
    QUERY_CHARACTERS,
    AddedOut,
    Cleared,
    DocumentFound,
    DocumentOut,
    PassageOut,
    SearchIn,
    Status,
    TextIn,
    TextsIn,
    UrlIn,
)
from baukasten_core.http.errors import problem_of, problem_responses
from baukasten_core.http.paging import paged
from baukasten_core.http.uploads import received
from baukasten_core.services import Services

router = APIRouter(prefix="/documents", tags=["documents"])

Named = Annotated[
    str | None,
    Query(
        max_length=500,
        pattern=r"^[^\x00]*$",
        description="Part of the title, the file's name or the address.",
    ),
]

MIB = 2**20

UPLOAD_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "project_id": {"type": "string", "format": "uuid"},
                    "private": {"type": "boolean"},
                },
            }
        }
    },
}

PROBLEMS = problem_responses(404, 409, 413)
# 422 is documented by FastAPI and by http.openapi, in both of its forms.


# --- putting in -----------------------------------------------------------------------------


@router.post("/text", status_code=201, response_model=DocumentOut, responses=PROBLEMS)
async def add_text(body: TextIn, kit: CurrentKit, services: ServicesDep) -> Document:
    return await services.documents.add_text(
        kit.principal,
        body.content,
        title=body.title,
        project_id=body.project_id,
        metadata=body.metadata,
        private=body.private,
    )


@router.post("/texts", response_model=list[AddedOut], responses=problem_responses(404, 413))
async def add_texts(body: TextsIn, kit: CurrentKit, services: ServicesDep) -> list[AddedOut]:
    """Many texts at once, each a document of its own. The answer is in their order; a text that is
    refused (its content is there already, say) keeps no other out."""
    added = await services.documents.add_texts(
        kit.principal,
        [NewText(item.content, item.title, item.metadata) for item in body.texts],
        project_id=body.project_id,
        private=body.private,
    )
    return [
        AddedOut(id=one) if isinstance(one, UUID) else AddedOut(problem=problem_of(one))
        for one in added
    ]


@router.post(
    "/upload",
    status_code=201,
    response_model=DocumentOut,
    responses=PROBLEMS | problem_responses(415),
    openapi_extra={"requestBody": UPLOAD_FORM},
)
async def upload(request: Request, kit: CurrentKit, services: ServicesDep) -> Document:
    limit = services.settings.documents.max_upload_mib * MIB
    async with received(request, limit) as form:
        return await services.documents.add_file(
            kit.principal,
            form.upload,
            project_id=_field(form.fields, "project_id", UUID),
            private=_field(form.fields, "private", bool) or False,
        )


@router.post("/url", status_code=201, response_model=DocumentOut, responses=PROBLEMS)
async def add_url(body: UrlIn, kit: CurrentKit, services: ServicesDep) -> Document:
    return await services.documents.add_url(
        kit.principal,
        body.url,
        project_id=body.project_id,
        metadata=body.metadata,
        private=body.private,
    )


# --- finding: before /{document_id}, or they would be taken for ids ----------------------------


@router.get("", response_model=list[DocumentOut], responses=problem_responses(400, 404))
async def list_documents(
    request: Request,
    response: Response,
    caller: Caller,
    session: Session,
    services: ServicesDep,
    project_id: UUID | None = None,
    search: Named = None,
    status: Status | None = None,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[Document]:
    rows = await services.documents.list(
        session,
        caller,
        project_id=project_id,
        named=search,
        status=status,
        limit=limit + 1,
        after=after,
    )
    return paged(request, response, rows, limit)


@router.delete("", response_model=Cleared, responses=problem_responses(404))
async def clear(project_id: UUID, kit: CurrentKit, services: ServicesDep) -> Cleared:
    """Delete all documents of a project; a member of its tenant deletes their own."""
    return Cleared(deleted=await services.documents.clear(kit.principal, project_id))


@router.get("/search", response_model=list[DocumentFound], responses=problem_responses(400, 404))
async def search(
    kit: CurrentKit,
    services: ServicesDep,
    query: Annotated[str, Query(max_length=QUERY_CHARACTERS, description="3 or more characters.")],
    project_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 5,
) -> list[DocumentFound]:
    body = SearchIn(query=query, project_id=project_id, limit=limit)
    return await _search(services, kit.principal, body)


@router.post(
    "/search",
    response_model=list[DocumentFound],
    responses=problem_responses(400, 404),
    openapi_extra={"x-scope": "read"},
)
async def search_in_body(
    body: SearchIn, kit: CurrentKit, services: ServicesDep
) -> list[DocumentFound]:
    """The same; the query stays out of access logs."""
    return await _search(services, kit.principal, body)


async def _search(services: Services, principal: Principal, body: SearchIn) -> list[DocumentFound]:
    hits = await services.searcher.search_documents(
        principal,
        body.query,
        project_id=body.project_id,
        limit=body.limit,
        documents=body.documents,
        language=body.language,
    )
    return [_found(hit) for hit in hits]


def _found(hit: DocumentHit) -> DocumentFound:
    passages = [PassageOut.model_validate(passage) for passage in hit.passages]
    known = dict(DocumentOut.model_validate(hit.document))
    return DocumentFound.model_construct(**known, score=hit.score, chunks=passages)


# --- one document ---------------------------------------------------------------------------


@router.get("/{document_id}", response_model=DocumentOut, responses=problem_responses(404))
async def get_document(
    document_id: UUID, caller: Caller, session: Session, services: ServicesDep
) -> DocumentOut:
    document = await services.documents.get(session, caller, document_id)
    found = DocumentOut.model_validate(document)
    return found.model_copy(update={"content": document.content})


@router.delete("/{document_id}", status_code=204, responses=problem_responses(403, 404))
async def delete_document(document_id: UUID, kit: CurrentKit, services: ServicesDep) -> None:
    await services.documents.delete(kit.principal, document_id)


@router.get(
    "/{document_id}/file",
    response_class=StreamingResponse,
    responses=problem_responses(404)
    | {200: {"description": "The original.", "content": {"application/octet-stream": {}}}},
)
async def get_file(document_id: UUID, kit: CurrentKit, services: ServicesDep) -> StreamingResponse:
    async with kit.transaction() as session:
        document = await services.documents.get(session, kit.principal, document_id)
    pieces = services.documents.file(document)
    # The first piece now: a file that is gone is a 404, not a broken answer.
    first = await anext(pieces, b"")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(_file_name(document))}",
        # Somebody else's HTML must not run as ours, whatever shows it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return StreamingResponse(
        _chained(first, pieces), media_type=document.media_type, headers=headers
    )


@router.get(
    "/{document_id}/events",
    response_class=StreamingResponse,
    responses=problem_responses(404)
    | {200: {"description": "Progress, until it is over.", "content": {"text/event-stream": {}}}},
)
async def get_events(
    document_id: UUID, kit: CurrentKit, services: ServicesDep
) -> StreamingResponse:
    """`progress` events with the status and the chunks done, until `ready` or `failed`."""
    async with kit.transaction() as session:
        await services.documents.get(session, kit.principal, document_id)
    return StreamingResponse(
        progress_events(services, kit.principal, document_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _file_name(document: Document) -> str:
    return document.filename or f"{document.title or document.id}.txt"


def _field(fields: dict[str, str], name: str, kind: Any) -> Any:
    """A form field as its type; an empty one is as good as none."""
    value = fields.get(name, "").strip()
    if not value:
        return None
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise Unprocessable(
            f"The form's field `{name}` is not a {kind.__name__.lower()}."
        ) from None
