"""`/auth/sessions` and `/auth/api-keys`: what is signed in as me."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict

from baukasten_core.accounts import api_keys, sessions
from baukasten_core.accounts.models import ApiKey
from baukasten_core.accounts.scopes import DEFAULT_SCOPES
from baukasten_core.http.account_models import Name
from baukasten_core.http.dependencies import Caller, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.privacy import audit

router = APIRouter(prefix="/auth", tags=["auth"])


class SessionOut(BaseModel):
    """A sign-in on one device; `current` is the one that asks."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool = False


class ApiKeyOut(BaseModel):
    """An API key, without the key itself; `prefix` is how it begins."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    tenant_id: UUID
    project_id: UUID | None
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    """An API key just made: `key` is shown this once."""

    key: str


class ApiKeyIn(BaseModel):
    """A new key, for the tenant that `X-Tenant` names. `scopes`: read, write, llm, admin."""

    name: Name
    scopes: list[str] = list(DEFAULT_SCOPES)
    project_id: UUID | None = None
    expires_at: AwareDatetime | None = None


@router.get("/sessions", response_model=list[SessionOut])
async def list_sessions(caller: Caller, session: Session) -> list[SessionOut]:
    found = [SessionOut.model_validate(row) for row in await sessions.list_sessions(session)]
    for row in found:
        row.current = row.id == caller.session_id
    return found


@router.delete("/sessions/{session_id}", status_code=204, responses=problem_responses(404))
async def end_session(session_id: UUID, session: Session) -> None:
    await sessions.end_session(session, session_id)


@router.delete("/sessions", status_code=204)
async def end_sessions(caller: Caller, session: Session) -> None:
    """End every session, this one too."""
    await sessions.end_sessions(session, caller.user_id)


@router.get("/api-keys", response_model=list[ApiKeyOut])
async def list_api_keys(session: Session) -> Sequence[ApiKey]:
    return await api_keys.list_api_keys(session)


@router.post(
    "/api-keys",
    status_code=201,
    response_model=NewApiKeyOut,
    responses=problem_responses(404),
)
async def create_api_key(body: ApiKeyIn, caller: Caller, session: Session) -> NewApiKeyOut:
    made = await api_keys.create_api_key(
        session,
        caller,
        body.name,
        scopes=body.scopes,
        project_id=body.project_id,
        expires_at=body.expires_at,
    )
    await audit.record(
        session,
        caller,
        "api_key.created",
        object_type="api_key",
        object_id=made.key.id,
        details={"scopes": made.key.scopes},
    )
    shown = ApiKeyOut.model_validate(made.key)
    return NewApiKeyOut(**shown.model_dump(), key=made.secret)


@router.delete("/api-keys/{key_id}", status_code=204, responses=problem_responses(404))
async def delete_api_key(key_id: UUID, caller: Caller, session: Session) -> None:
    await api_keys.delete_api_key(session, key_id)
    await audit.record(session, caller, "api_key.deleted", object_type="api_key", object_id=key_id)
