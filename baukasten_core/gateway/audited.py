"""Refused calls go into the audit log."""

from __future__ import annotations

from baukasten_core.contracts.auth import Scope
from baukasten_core.db.session import Database
from baukasten_core.gateway.residency import OnRefused, Refusal
from baukasten_core.privacy import audit


def refusals_to_audit(database: Database) -> OnRefused:
    """What the residency guard calls before it raises: writes who wanted to send data where."""

    async def write(refusal: Refusal) -> None:
        scope = Scope(user_id=refusal.user_id, tenant_id=refusal.tenant_id)
        await audit.write(
            database,
            scope,
            "residency.refused",
            outcome="refused",
            object_type="project" if refusal.project_id else None,
            object_id=refusal.project_id,
            details={
                "kind": refusal.destination.kind,
                "destination": refusal.destination.name,
                "region": refusal.destination.region,
                "allowed": sorted(refusal.residency),
            },
        )

    return write
