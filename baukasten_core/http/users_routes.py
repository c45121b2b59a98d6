"""`/users`: one's own profile, and any account for admins."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from baukasten_core.accounts import admin, sessions, users
from baukasten_core.accounts.mail_tokens import delete_mail_tokens
from baukasten_core.accounts.mails import queue_link
from baukasten_core.accounts.models import User
from baukasten_core.accounts.passwords import hash_password
from baukasten_core.errors import BadRequest
from baukasten_core.http.account_models import ProfileChange, ProfileOut, UserChange, UserOut
from baukasten_core.http.dependencies import Admin, Caller, CurrentKit, Session
from baukasten_core.http.errors import problem_responses
from baukasten_core.http.privacy_routes import ERASED, erase_user
from baukasten_core.kit import Kit
from baukasten_core.privacy import audit

router = APIRouter(prefix="/users", tags=["users"])

# `:uuid` keeps `/users/me` out of these, in whatever order routes are added.
ONE = "/{user_id:uuid}"


@router.get("/me", response_model=ProfileOut)
async def get_profile(caller: Caller, session: Session) -> User:
    return await users.get_user(session, caller.user_id)


@router.patch("/me", response_model=ProfileOut, responses=problem_responses(400))
async def change_profile(body: ProfileChange, kit: CurrentKit) -> User:
    """Change address, password or language. A new password ends all other sessions; a new
    address is verified by mail."""
    stored = await hash_password(body.password) if body.password is not None else None
    me = kit.principal
    async with kit.transaction() as session:
        changed = await users.update_profile(
            session, me.user_id, email=body.email, password_hash=stored, language=body.language
        )
        if stored is not None:
            await sessions.end_sessions(session, me.user_id, except_id=me.session_id)
            await delete_mail_tokens(session, me.user_id)
        fields = sorted(body.model_dump(exclude_none=True))
        await audit.record(session, me, "profile.changed", details={"fields": fields})
        user = await users.get_user(session, me.user_id)
        if changed:
            await queue_link(session, kit.services.jobs, user.email, "verify")
        return user


@router.get(ONE, response_model=UserOut, responses=problem_responses(404))
async def get_user(user_id: UUID, caller: Admin, session: Session) -> User:
    return await admin.get_user(session, user_id)


@router.patch(ONE, response_model=UserOut, responses=problem_responses(400, 404))
async def change_user(user_id: UUID, body: UserChange, kit: CurrentKit) -> User:
    return await update_user(kit, user_id, body)


@router.delete(ONE, status_code=204, responses={**ERASED, **problem_responses(400, 404)})
async def delete_user(user_id: UUID, kit: CurrentKit, response: Response) -> None:
    """Erase an account and everything held about its user, with a receipt."""
    admin.require_admin(kit.principal)
    if user_id == kit.principal.user_id:
        raise BadRequest("Cannot delete your own account")
    await erase_user(kit.services, kit.principal, user_id, response)


async def update_user(kit: Kit, user_id: UUID, body: UserChange) -> User:
    """Change an account as an admin. No connection is held while a password is hashed."""
    admin.require_admin(kit.principal)
    stored = await hash_password(body.password) if body.password is not None else None
    async with kit.transaction() as session:
        await admin.update_user(
            session,
            user_id,
            email=body.email,
            password_hash=stored,
            is_active=body.is_active,
            is_verified=body.is_verified,
            is_admin=body.admin,
        )
        await audit.record(
            session,
            kit.principal,
            "user.changed",
            object_type="user",
            object_id=user_id,
            details={
                "fields": sorted(body.model_dump(exclude_none=True)),
                **{name: value for name, value in body.states().items() if value is not None},
            },
        )
        if user_id == kit.principal.user_id:  # who gave the role up sees nobody else any more
            return await users.get_user(session, user_id)
        return await admin.get_user(session, user_id)
