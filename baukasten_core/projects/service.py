"""Create, find, list, change and delete projects. Row-level security decides what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.showcase import Showcase
from baukasten_core.db.paging import Cursor
from baukasten_core.errors import Forbidden, NotFound, Unprocessable, misfits
from baukasten_core.privacy import audit
from baukasten_core.projects.models import Project
from baukasten_core.projects.values import require_storable

OTHER = "other"
OLD_SPELLINGS = {"private_gpt": "privategpt", "tell_me_life": "tellmelife"}


def project_type(name: str, showcases: Mapping[str, Showcase]) -> str:
    """The type a project gets; raises `Unprocessable` that lists the installed ones."""
    known = OLD_SPELLINGS.get(name, name)
    if known != OTHER and known not in showcases:
        installed = ", ".join([*sorted(showcases), OTHER])
        raise Unprocessable(f"Unknown project type `{name[:60]}`. Installed: {installed}.")
    return known


def checked_config(
    type_: str, config: Mapping[str, Any], showcases: Mapping[str, Showcase]
) -> dict[str, Any]:
    """The config, checked by the showcase's own model. Raises `Unprocessable`."""
    require_storable("config", config)
    showcase = showcases.get(type_)
    if showcase is None:
        return dict(config)
    try:
        return showcase.project_config(**config).model_dump(mode="json")
    except ValidationError as error:
        reasons = misfits(error, "config")
    except TypeError:
        reasons = "its keys must be names"
    raise Unprocessable(f"`config` does not fit a `{type_}` project: {reasons}")


async def create_project(
    session: AsyncSession,
    owner: Principal,
    *,
    name: str,
    type_: str,
    description: str | None,
    config: Mapping[str, Any],
    residency: Sequence[str] | None = None,
) -> Project:
    """A new project; `residency` narrows where its data may be processed, None: the tenant's.

    Raises `Forbidden` for an API key that is bound to a project.
    """
    if owner.project_id is not None:
        raise Forbidden("This API key is bound to one project and can't make another.")
    project = Project(
        tenant_id=owner.tenant_id,
        user_id=owner.user_id,
        name=name,
        type=type_,
        description=description,
        config=dict(config),
        residency=residency,
    )
    session.add(project)
    await session.flush()
    if residency is not None:
        await _record_residency(session, owner, project)
    return project


async def get_project(session: AsyncSession, project_id: UUID) -> Project:
    """Raises `NotFound` for a project that is not there or belongs to somebody else."""
    project = await session.get(Project, project_id)
    if project is None:
        raise NotFound("Project not found")
    return project


async def list_projects(
    session: AsyncSession, tenant_id: UUID, *, limit: int, after: Cursor | None = None
) -> Sequence[Project]:
    """Newest change first."""
    query = select(Project).where(Project.tenant_id == tenant_id)
    if after is not None:
        query = query.where(tuple_(Project.updated_at, Project.id) < (after.time, after.id))
    query = query.order_by(Project.updated_at.desc(), Project.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def change_project(
    session: AsyncSession,
    principal: Principal,
    project_id: UUID,
    changes: Mapping[str, Any],
    showcases: Mapping[str, Showcase],
) -> Project:
    """Change its name, description, config or residency; None clears where there may be none, and
    changes nothing elsewhere.

    Raises `NotFound`, `Forbidden` as `delete_project` does, and `Unprocessable` for a config that
    does not fit.
    """
    project = await _to_change(session, principal, project_id)
    for field, value in changes.items():
        if field == "config" and value is not None:
            value = checked_config(project.type, value, showcases)
        if value is not None or field in ("description", "residency"):
            setattr(project, field, value)
    await session.flush()
    if "residency" in changes:
        await _record_residency(session, principal, project)
    await session.refresh(project)
    return project


async def delete_project(session: AsyncSession, principal: Principal, project_id: UUID) -> None:
    """Its documents, vectors, chats and the showcase's rows go with it (foreign keys); what it has
    outside of PostgreSQL is the caller's to erase.

    Every member works in a project; to change or delete it is for its creator, and for the owners
    and admins of the tenant. Raises `Forbidden` for others, `NotFound` for no such project.
    """
    await _to_change(session, principal, project_id)
    await session.execute(delete(Project).where(Project.id == project_id))


async def _to_change(session: AsyncSession, principal: Principal, project_id: UUID) -> Project:
    project = await get_project(session, project_id)
    if project.user_id != principal.user_id and principal.role == "member":
        raise Forbidden(
            "Only its creator or an admin of the tenant can change or delete this project."
        )
    return project


async def _record_residency(session: AsyncSession, actor: Principal, project: Project) -> None:
    """In the audit log; without regions, the tenant's hold from now on."""
    await audit.record(
        session,
        actor,
        "project.residency_changed",
        object_type="project",
        object_id=project.id,
        details={} if project.residency is None else {"residency": project.residency},
    )
