"""`/projects`: instances of showcases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Scope
from baukasten_core.documents.totals import totals
from baukasten_core.http.account_models import Regions
from baukasten_core.http.dependencies import Caller, PageCursor, PageLimit, ServicesDep, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.paging import paged
from baukasten_core.projects import service
from baukasten_core.projects.models import Project

router = APIRouter(prefix="/projects", tags=["projects"])

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class ProjectOut(BaseModel):
    """A project. `residency`: where its data may be processed, as far as its tenant's may; null:
    wherever that may."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    name: str
    type: str
    description: str | None
    config: dict[str, Any]
    residency: list[str] | None
    created_at: datetime
    updated_at: datetime


class TotalsOut(BaseModel):
    """How far the project's documents are: how many of each status, and their chunks."""

    model_config = ConfigDict(from_attributes=True)

    queued: int
    processing: int
    ready: int
    failed: int
    chunks_done: int
    chunks_total: int


class ProjectDetail(ProjectOut):
    """A project, with how far its documents are."""

    documents: TotalsOut


class ProjectIn(BaseModel):
    """A new project; `type` is an installed showcase's name or `other`."""

    name: Name
    type: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    description: Text | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    residency: Regions | None = None


class ProjectChange(BaseModel):
    """What of a project can be changed, by its creator and the tenant's owners and admins.
    `residency` null: the tenant's."""

    name: Name | None = None
    description: Text | None = None
    config: dict[str, Any] | None = None
    residency: Regions | None = None


@router.post("", status_code=201, response_model=ProjectOut)
async def create_project(
    body: ProjectIn, caller: Caller, session: Session, services: ServicesDep
) -> Project:
    showcases = services.host.showcases()
    type_ = service.project_type(body.type, showcases)
    config = service.checked_config(type_, body.config, showcases)
    return await service.create_project(
        session,
        caller,
        name=body.name,
        type_=type_,
        description=body.description,
        config=config,
        residency=body.residency,
    )


@router.get("", response_model=list[ProjectOut], responses=problem_responses(400))
async def list_projects(
    request: Request,
    response: Response,
    caller: Caller,
    session: Session,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[Project]:
    rows = await service.list_projects(session, caller.tenant_id, limit=limit + 1, after=after)
    return paged(request, response, rows, limit, key="updated_at")


@router.get("/{project_id}", response_model=ProjectDetail, responses=problem_responses(404))
async def get_project(project_id: UUID, session: Session) -> ProjectDetail:
    return await _detail(session, await service.get_project(session, project_id))


@router.patch("/{project_id}", response_model=ProjectDetail, responses=problem_responses(404))
async def change_project(
    project_id: UUID, body: ProjectChange, caller: Caller, session: Session, services: ServicesDep
) -> ProjectDetail:
    changes = body.model_dump(exclude_unset=True)
    showcases = services.host.showcases()
    project = await service.change_project(session, caller, project_id, changes, showcases)
    return await _detail(session, project)


@router.delete("/{project_id}", status_code=204, responses=problem_responses(404))
async def delete_project(
    project_id: UUID, caller: Caller, session: Session, services: ServicesDep
) -> None:
    await service.delete_project(session, caller, project_id)
    outside, tenant = services.documents.outside, Scope(tenant_id=caller.tenant_id)
    await outside.erase_later(session, tenant, project_id)
    await outside.erase_late_comers(session, caller.tenant_id, project_id)


async def _detail(session: AsyncSession, project: Project) -> ProjectDetail:
    documents = TotalsOut.model_validate(await totals(session, project.id))
    return ProjectDetail(**ProjectOut.model_validate(project).model_dump(), documents=documents)
