"""Tables of accounts. Rows of `users`, `tenants` and `memberships` are made by `system.sql`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from baukasten_core.db.base import CoreBase, TenantOwned

NOW: Any = func.now()
TEXTS = ARRAY(Text)


class User(CoreBase):
    """Somebody with an account. `email` is in lower case."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    is_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    language: Mapped[str] = mapped_column(Text, server_default="en")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Tenant(CoreBase):
    """Whose data it is: one person's (`personal_of`) or a team's."""

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    personal_of: Mapped[UUID | None] = mapped_column(
        ForeignKey("core.users.id", ondelete="CASCADE"), unique=True
    )
    residency: Mapped[list[str]] = mapped_column(TEXTS)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Membership(CoreBase):
    """A user's role in a tenant: `owner`, `admin` or `member`."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index(None, "user_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey("core.tenants.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("core.users.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class SignInSession(CoreBase):
    """A sign-in on one device. It lives until logout, reuse of a refresh token, or its end."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("core.users.id", ondelete="CASCADE"))
    family_hash: Mapped[bytes] = mapped_column(LargeBinary)
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    used_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(Text, server_default="")


class ApiKey(CoreBase):
    """A program's key: the rights of its user in one tenant, narrowed by scopes."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["core.memberships.tenant_id", "core.memberships.user_id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["core.projects.tenant_id", "core.projects.id"],
            ondelete="CASCADE",
        ),
        Index(None, "user_id"),
        Index(None, "tenant_id", "user_id"),
        Index(None, "tenant_id", "project_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID]
    project_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(TEXTS)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class LinkedIdentity(CoreBase):
    """An account at another provider that signs in as this user."""

    __tablename__ = "identities"
    __table_args__ = (Index(None, "user_id"),)

    issuer: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("core.users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class MailToken(CoreBase):
    """A link that was mailed: works once, until it expires."""

    __tablename__ = "mail_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('verify', 'reset')", name="purpose"),
        Index(None, "user_id"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("core.users.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]


class Attempts(CoreBase):
    """How often something was tried; the keys are hashes. Only `system.sql` reads it."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "until"),)

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int]
    until: Mapped[datetime]


class Invitation(TenantOwned, CoreBase):
    """Somebody who may join a tenant. `user_id` is who invited them."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "email"),
        ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["user_id"], ["core.users.id"], ondelete="CASCADE"),
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index(None, "tenant_id"),
        Index(None, "user_id"),
    )

    email: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]
