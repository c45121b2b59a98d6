"""What routes about accounts take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, computed_field

from baukasten_core.accounts.passwords import MAX_BYTES, MIN_CHARACTERS, check_password
from baukasten_core.accounts.users import normal_email
from baukasten_core.contracts.auth import Language
from baukasten_core.errors import Unprocessable


def _email(value: str) -> str:
    try:
        return normal_email(value)
    except Unprocessable as error:
        raise ValueError(error.detail) from None


def _password(value: str) -> str:
    try:
        check_password(value)
    except Unprocessable as error:
        raise ValueError(error.detail) from None
    return value


Email = Annotated[
    str, AfterValidator(_email), Field(json_schema_extra={"format": "email", "maxLength": 254})
]
Password = Annotated[
    str,
    AfterValidator(_password),
    Field(
        description=f"{MIN_CHARACTERS} characters or more, at most {MAX_BYTES:,} bytes.",
        json_schema_extra={"format": "password", "minLength": MIN_CHARACTERS},
    ),
]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]*$"
    ),
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
Regions = Annotated[list[Region], Field(min_length=1, max_length=20)]
FewerRegions = Annotated[
    Regions | None, Field(description="Regions this may be processed in: fewer than usual.")
]


class UserOut(BaseModel):
    """An account. `is_superuser` says the same as `is_admin`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    is_active: bool
    is_verified: bool
    is_admin: bool
    created_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_superuser(self) -> bool:
        return self.is_admin


class ProfileOut(UserOut):
    """One's own account."""

    language: Language


class RegisterIn(BaseModel):
    """A new account. Roles and states that old clients send are ignored."""

    email: Email
    password: Password


class NewUserIn(BaseModel):
    """An account that an admin makes. Without a password, a link to choose one is mailed."""

    email: Email
    password: Password | None = None
    language: Language = "en"
    is_admin: bool = False


class EmailIn(BaseModel):
    """An address."""

    email: Email


class TokenIn(BaseModel):
    """A token from a mailed link."""

    token: Secret


class ResetIn(TokenIn):
    """A token from a mailed link, and the password to set."""

    password: Password


class RefreshIn(BaseModel):
    """A refresh token."""

    refresh_token: Secret


class TokenOut(BaseModel):
    """A sign-in's tokens; `expires_in` seconds for the access token. `refresh_token` null: it is
    in the browser's cookie."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 (the contract's literal)
    refresh_token: str | None
    expires_in: int


class ProfileChange(BaseModel):
    """What people change about themselves; roles and states are ignored."""

    email: Email | None = None
    password: Password | None = None
    language: Language | None = None


class UserChange(BaseModel):
    """What admins change about an account. `is_superuser` means `is_admin`."""

    email: Email | None = None
    password: Password | None = None
    is_active: bool | None = None
    is_verified: bool | None = None
    is_admin: bool | None = None
    is_superuser: bool | None = None

    @property
    def admin(self) -> bool | None:
        return self.is_superuser if self.is_admin is None else self.is_admin

    def states(self) -> dict[str, bool | None]:
        """What may be written down of the change: no address, no password."""
        return {
            "is_active": self.is_active,
            "is_verified": self.is_verified,
            "is_admin": self.admin,
        }
