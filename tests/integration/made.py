"""What tests of documents are about: projects, and texts long enough for many passages."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import text

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database


async def new_project(database: Database, owner: Principal, type_: str = "other") -> UUID:
    values = {"id": uuid4(), "t": owner.tenant_id, "u": owner.user_id, "type": type_}
    async with database.transaction(owner.scope) as session:
        await session.execute(
            text(
                "INSERT INTO core.projects (id, tenant_id, user_id, name, type)"
                " VALUES (:id, :t, :u, 'p', :type)"
            ),
            values,
        )
    return UUID(str(values["id"]))


def long_text(sentences: int, about: str = "topic") -> str:
    return " ".join(
        f"Sentence number {n} speaks of {about}{n % 17} at length." for n in range(sentences)
    )
