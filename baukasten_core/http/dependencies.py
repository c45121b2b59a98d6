"""What routes ask for: the services, the caller, the request's transaction, or a Kit.

One request is one transaction, and it commits before the response is sent. Two kinds of routes:

- short ones take `Caller` and `Session`: both share one transaction under row-level security;
- those that talk to a model or take long take `CurrentKit`: the caller is authenticated by a
  statement of its own, and database work goes into `async with kit.transaction()`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from baukasten_core.accounts.authenticate import authenticate
from baukasten_core.accounts.scopes import needed_scope, require_scope
from baukasten_core.accounts.secrets import digest
from baukasten_core.contracts.auth import Principal
from baukasten_core.db.paging import Cursor
from baukasten_core.db.remembered import recall
from baukasten_core.db.single import Statements
from baukasten_core.errors import Forbidden, Unauthorized
from baukasten_core.kit import Kit
from baukasten_core.projects.models import Project
from baukasten_core.projects.service import get_project
from baukasten_core.services import Services

bearer = HTTPBearer(auto_error=False, description="An access token or an API key.")
key_header = APIKeyHeader(
    name="X-Api-Key", auto_error=False, description="The same, where Anthropic's clients put it."
)


# Also what needs no await is `async def`: FastAPI sends plain functions through a thread, which
# costs a request more than its database work.
async def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


Tenant = Annotated[
    UUID | None,
    Header(alias="X-Tenant", description="The tenant to act in; the personal one by default."),
]


async def open_transaction(services: ServicesDep) -> AsyncIterator[AsyncSession]:
    async with services.database.transaction() as session:
        yield session


# scope="function": committed when the route returns, before a byte of the answer is sent.
Transaction = Annotated[AsyncSession, Depends(open_transaction, scope="function")]
"""The request's transaction before anybody is known: for open routes only."""


async def get_caller(
    request: Request,
    services: ServicesDep,
    transaction: Transaction,
    token: Bearer,
    tenant: Tenant = None,
) -> Principal:
    shown = token.credentials if token else ""
    principal = await _authenticate(services, transaction, shown, tenant)
    return _allowed(request, principal)


Caller = Annotated[Principal, Depends(get_caller, scope="function")]
"""The authenticated caller; binds the request's transaction to their user and tenant."""


async def get_session(caller: Caller, transaction: Transaction) -> AsyncSession:
    return transaction


Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
"""The request's transaction, under row-level security as the caller."""


async def get_current_project(project_id: UUID, session: Session) -> Project:
    return await get_project(session, project_id)


CurrentProject = Annotated[Project, Depends(get_current_project, scope="function")]
"""The project of the path's `project_id`; 404 unless it is the caller's to see."""


async def get_kit(
    request: Request, services: ServicesDep, token: Bearer, tenant: Tenant = None
) -> Kit:
    return await _kit(request, services, token.credentials if token else "", tenant)


CurrentKit = Annotated[Kit, Depends(get_kit, scope="function")]
"""The caller's Kit; no database connection is held."""


async def get_kit_by_key(
    request: Request,
    services: ServicesDep,
    token: Bearer,
    key: Annotated[str | None, Depends(key_header)],
    tenant: Tenant = None,
) -> Kit:
    return await _kit(request, services, token.credentials if token else key or "", tenant)


KitByKey = Annotated[Kit, Depends(get_kit_by_key, scope="function")]
"""The same where a caller may also show who they are by `X-Api-Key`."""


async def kit_of(request: Request, *, by_key: bool) -> Kit:
    """What `CurrentKit` is, or `KitByKey`, from the request alone: FastAPI takes longer to make a
    route's arguments than a busy route for all the rest."""
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        token = headers.get("x-api-key", "") if by_key else ""
    services: Services = request.app.state.services
    return await _kit(request, services, token, _tenant(headers.get("x-tenant")))


def _tenant(header: str | None) -> UUID | None:
    try:
        return UUID(header) if header else None
    except ValueError:
        wrong = {"loc": ("header", "X-Tenant"), "msg": "Input should be a valid UUID"}
        raise RequestValidationError([{"type": "uuid_parsing", "input": None, **wrong}]) from None


async def get_admin(caller: Caller) -> Principal:
    if not caller.is_admin:
        raise Forbidden("Admin privileges required")
    return caller


Admin = Annotated[Principal, Depends(get_admin, scope="function")]


async def get_cursor(
    cursor: Annotated[str | None, Query(description="From the `Link` header of a page.")] = None,
) -> Cursor | None:
    return Cursor.decode(cursor)


PageCursor = Annotated[Cursor | None, Depends(get_cursor)]
PageLimit = Annotated[int, Query(ge=1, le=100, description="Rows on a page.")]


async def _kit(request: Request, services: Services, token: str, tenant: UUID | None) -> Kit:
    async def ask() -> Principal:
        return await _authenticate(services, services.database.single, token, tenant)

    key = "caller", digest(token), tenant
    principal = await recall(services.remembered, key, ask)
    return Kit(services, _allowed(request, principal))


async def _authenticate(
    services: Services, session: Statements, token: str, tenant: UUID | None
) -> Principal:
    if not token:
        raise Unauthorized()
    return await authenticate(
        session, services.tokens, services.auth, token, tenant, services.database
    )


def _allowed(request: Request, principal: Principal) -> Principal:
    """An API key acts within its scopes; a route names another one as `x-scope`."""
    if principal.scopes is not None:
        extra = getattr(request.scope.get("route"), "openapi_extra", None) or {}
        needed = extra.get("x-scope") or needed_scope(request.method, request.scope["path"])
        require_scope(principal, needed)
    return principal
