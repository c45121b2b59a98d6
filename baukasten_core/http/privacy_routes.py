"""What everybody may ask of a platform that holds their data: all of it, or its erasure; and the
audit log for admins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from baukasten_core.contracts.auth import Principal
from baukasten_core.documents.files import file_key
from baukasten_core.errors import Forbidden
from baukasten_core.http.dependencies import (
    Admin,
    CurrentKit,
    PageCursor,
    PageLimit,
    ServicesDep,
    Session,
    Transaction,
)
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.paging import paged
from baukasten_core.privacy import audit
from baukasten_core.privacy.export import export_user
from baukasten_core.privacy.receipts import Receipt
from baukasten_core.services import Services
from baukasten_core.upkeep import eraser, receipts

router = APIRouter(tags=["privacy"])

YEARS = range(2000, 2200)


def _storable(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.year not in YEARS:
        raise ValueError(f"from {YEARS.start} on, and before {YEARS.stop}")
    return moment


Action = Annotated[
    str | None,
    Query(max_length=100, pattern=r"^[a-z_.]*$", description="`user.changed`, or how it begins."),
]
Moment = Annotated[AwareDatetime | None, AfterValidator(_storable)]

RECEIPT_HEADERS: dict[str, Any] = {
    "X-Erasure-Receipt": {
        "description": "The receipt, signed (JWS): its id, its hash, and a mark of the account.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "Where the whole receipt stands (`rel=receipt`).",
        "schema": {"type": "string"},
    },
}
ERASED: dict[int | str, dict[str, Any]] = {
    204: {"description": "Everything is gone", "headers": RECEIPT_HEADERS}
}


class RowsErased(BaseModel):
    """Rows of one table before and after."""

    before: int
    after: int


class ReceiptOut(BaseModel):
    """What was erased. It names nobody: `subject` is the SHA-256 of `<receipt>:<user id>`."""

    receipt: UUID
    erased_at: datetime
    subject: str
    verified: bool
    rows: dict[str, RowsErased] = Field(description="By `<plugin>.<table>`.")
    files: int
    projects_handed_over: int
    sha256: str = Field(description="Of the rest, as canonical JSON without this and `signed`.")
    signed: str = Field(description="As `X-Erasure-Receipt` gave it.")


class AuditEntryOut(BaseModel):
    """Who did what, when, in which tenant, with which outcome."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    tenant_id: UUID | None
    user_id: UUID | None
    action: str
    outcome: str
    object_type: str | None
    object_id: UUID | None
    details: dict[str, Any]


@router.get(
    "/users/me/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "The archive"}},
)
async def export_me(kit: CurrentKit) -> StreamingResponse:
    """Everything held about me: JSON with a schema, and the original files."""
    _require_person(kit.principal)
    services = kit.services
    pieces = export_user(services.database, services.blobs, kit.principal.scope, file_key=file_key)
    name = f"baukasten-export-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


@router.delete("/users/me", status_code=204, responses={**ERASED, **problem_responses(400)})
async def erase_me(kit: CurrentKit, response: Response) -> None:
    """Erase my account and everything held about me, with a receipt."""
    _require_person(kit.principal)
    await erase_user(kit.services, kit.principal, kit.principal.user_id, response)


@router.get(
    "/privacy/receipts/{receipt_id}",
    response_model=ReceiptOut,
    responses=problem_responses(404),
)
async def get_receipt(
    receipt_id: UUID, services: ServicesDep, transaction: Transaction
) -> dict[str, Any]:
    """The receipt of an erasure, for whoever holds its id: the account can't ask any more."""
    receipt = await receipts(services).find(transaction, receipt_id)
    return {**receipt.body, "sha256": receipt.sha256, "signed": receipt.signed}


@router.get("/admin/audit", response_model=list[AuditEntryOut], responses=problem_responses(400))
async def list_audit(
    request: Request,
    response: Response,
    caller: Admin,
    session: Session,
    action: Action = None,
    user_id: UUID | None = None,
    since: Moment = None,
    until: Moment = None,
    limit: PageLimit = 50,
    after: PageCursor = None,
) -> Sequence[audit.Entry]:
    """The audit log, newest first. It holds ids, never anybody's text."""
    rows = await audit.list_entries(
        session,
        action=action,
        user_id=user_id,
        since=since,
        until=until,
        limit=limit + 1,
        after=after,
    )
    return paged(request, response, rows, limit)


async def erase_user(
    services: Services, actor: Principal, user_id: UUID, response: Response
) -> Receipt:
    """Erase an account, as itself or as an admin; the receipt goes into the answer's headers.

    Raises what `Eraser.erase` raises.
    """
    receipt = await eraser(services).erase(user_id, actor.scope)
    response.headers["X-Erasure-Receipt"] = receipt.signed
    response.headers["Link"] = f'</privacy/receipts/{receipt.id}>; rel="receipt"'
    return receipt


def _require_person(principal: Principal) -> None:
    if principal.scopes is not None:
        raise Forbidden("An API key can't do this; sign in.")
