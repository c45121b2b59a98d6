"""Where a call's data may be processed: the tenant's regions, narrowed by the project's."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.errors import NotFound

RESIDENCY = text(
    "SELECT t.residency AS tenant, p.residency AS project, p.id AS project_id"
    " FROM core.tenants t LEFT JOIN core.projects p ON p.id = :project WHERE t.id = :tenant"
)
PROJECTS = text(
    "SELECT residency FROM core.projects WHERE tenant_id = :tenant AND residency IS NOT NULL"
)


async def allowed_residency(
    session: AsyncSession, tenant_id: UUID, project_id: UUID | None = None
) -> frozenset[str]:
    """The regions allowed for this tenant and project; a project can only be stricter.

    Raises `NotFound` for a project that the transaction can't see.
    """
    parameters = {"tenant": tenant_id, "project": project_id}
    row = (await session.execute(RESIDENCY, parameters)).one_or_none()
    if row is None or (project_id is not None and row.project_id is None):
        raise NotFound("Project not found")
    tenant = frozenset(row.tenant)
    return tenant if row.project is None else tenant & frozenset(row.project)


async def strictest_residency(
    session: AsyncSession, tenant_id: UUID, project_id: UUID | None = None
) -> frozenset[str]:
    """The same where data is taken from a project, or from all of the tenant: then every project
    must allow the region. Raises what `allowed_residency` raises."""
    allowed = await allowed_residency(session, tenant_id, project_id)
    if project_id is None:
        for regions in await session.scalars(PROJECTS, {"tenant": tenant_id}):
            allowed &= frozenset(regions)
    return allowed
