"""What a caller may reach beyond what row-level security says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.documents.models import Document
from baukasten_core.errors import NotFound

Guard = Callable[[Scope, UUID | None], Awaitable[None]]
"""(whose, project) -> raises `ResidencyViolation` when its data may not go where it would."""


def within_project(principal: Principal, project_id: UUID | None) -> UUID | None:
    """The project to work in: an API key that is bound to one reaches no other.

    Raises `NotFound`, as for a project that is not there.
    """
    if principal.project_id is None or principal.project_id == project_id:
        return project_id
    if project_id is None:
        return principal.project_id
    raise NotFound("Project not found", hint="This API key is bound to another project.")


async def require_project(session: AsyncSession, project_id: UUID | None) -> None:
    """Raises `NotFound` for a project that the transaction can't see."""
    if project_id is None:
        return
    query = text("SELECT 1 FROM core.projects WHERE id = :id")
    if await session.scalar(query, {"id": project_id}) is None:
        raise NotFound("Project not found")


async def visible_document(
    session: AsyncSession, principal: Principal, document_id: UUID
) -> Document:
    """With its content. Raises `NotFound` for one that the caller may not see."""
    document = await session.get(Document, document_id, options=[undefer(Document.content)])
    bound = principal.project_id
    if document is None or (bound is not None and document.project_id != bound):
        raise NotFound("Document not found")
    return document
