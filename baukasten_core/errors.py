"""One error tree. Each class carries its HTTP status and problem type (RFC 9457).

`detail` is a sentence the reader can act on. Where the HTTP contract prints a
literal such as `LOGIN_BAD_CREDENTIALS`, `detail` is exactly that literal and the
sentence goes in `hint`. Rooms raise these; `http.errors` renders them; the CLI
prints `detail` and `hint`. Nobody else needs to know about status codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ValidationError


class BaukastenError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        detail: what happened, for the person who reads it.
        hint: what to do about it, when `detail` alone does not say.
        headers: extra response headers, such as `Retry-After`.
        extra: further members of the problem document (JSON values).
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders (Serve handles, extraction workers): keep every field.
        return _rebuild, (type(self), self.detail, self.hint, self.headers, self.extra)

    def problem(self) -> dict[str, Any]:
        """The members of the RFC 9457 document, without `request_id`."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.type}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        return {**body, **self.extra}


def _rebuild(
    cls: type[BaukastenError],
    detail: str,
    hint: str | None,
    headers: dict[str, str],
    extra: dict[str, Any],
) -> BaukastenError:
    error = cls.__new__(cls)
    BaukastenError.__init__(error, detail, hint=hint, headers=headers, **extra)
    return error


# --- the caller's mistakes ---------------------------------------------------


class BadRequest(BaukastenError):
    status, type, title = 400, "bad-request", "Bad request"


class Unauthorized(BaukastenError):
    status, type, title = 401, "unauthorized", "Sign-in needed"

    def __init__(self, detail: str = "Unauthorized", **kwargs: Any) -> None:
        kwargs.setdefault("hint", "Send `Authorization: Bearer <token>` with a valid token.")
        super().__init__(detail, **kwargs)
        self.headers.setdefault("WWW-Authenticate", "Bearer")


class Forbidden(BaukastenError):
    status, type, title = 403, "forbidden", "Not allowed"


class ResidencyViolation(Forbidden):
    """Data would have left the place where it may be processed. Nothing was sent."""

    type, title = "residency", "Data may not go there"


class NotFound(BaukastenError):
    status, type, title = 404, "not-found", "Not found"


class Conflict(BaukastenError):
    status, type, title = 409, "conflict", "Conflict"


class TooLarge(BaukastenError):
    status, type, title = 413, "too-large", "Too large"


class UnsupportedType(BaukastenError):
    status, type, title = 415, "unsupported-type", "This type can't be read"


class Unprocessable(BaukastenError):
    status, type, title = 422, "unprocessable", "Can't be processed"


class TooManyRequests(BaukastenError):
    """Raise with `retry_after` in seconds."""

    status, type, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, *, retry_after: int = 1, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.headers.setdefault("Retry-After", str(retry_after))


class BudgetExhausted(BaukastenError):
    """A call might cost more than is left of a budget. Nothing was asked."""

    status, type, title = 402, "budget", "The budget is used up"


# --- what we depend on fails ---------------------------------------------------


class Unavailable(BaukastenError):
    """Something we need is down, loading or overloaded. Raise with `retry_after` in seconds."""

    status, type, title = 503, "unavailable", "Not available right now"

    def __init__(self, detail: str, *, retry_after: int = 5, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.headers.setdefault("Retry-After", str(retry_after))


class DatabaseUnavailable(Unavailable):
    type = "database-unavailable"


class PluginQuarantined(Unavailable):
    type, title = "plugin-quarantined", "This plugin is quarantined"


class ProviderError(BaukastenError):
    """Base of everything a provider of any kind may raise. Providers raise nothing else."""

    status, type, title = 502, "provider", "The provider failed"


class ProviderNotConfigured(ProviderError):
    status, type, title = 400, "provider-not-configured", "The provider is not configured"


class ProviderUnavailable(ProviderError):
    """Not reachable, overloaded, or it cut the connection before its first piece of output."""

    status, type, title = 503, "provider-unavailable", "The provider does not answer"

    def __init__(self, detail: str, *, retry_after: int = 5, **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)
        self.headers.setdefault("Retry-After", str(retry_after))


class ProviderTimeout(ProviderUnavailable):
    type = "provider-timeout"


class ProviderRejected(ProviderError):
    """The provider understood the request and refused it (its own 4xx)."""

    status, type, title = 400, "provider-rejected", "The provider refused the request"


class ModelNotFound(ProviderError):
    status, type, title = 404, "model-not-found", "The model is not there"


class StreamInterrupted(ProviderError):
    """The provider's stream broke after its first piece: what came is incomplete."""

    type = "stream-interrupted"


class InvalidOutput(ProviderError):
    """The model answered, but not in the form that was asked for. Nothing is made up instead."""

    type, title = "invalid-output", "The model's answer does not fit"


# --- the operator's mistakes ---------------------------------------------------


class SettingsError(BaukastenError):
    """A setting is wrong; `detail` names it and the nearest known one."""

    type, title = "settings", "A setting is wrong"


class StartupRefused(BaukastenError):
    """Starting would be unsafe (a role that bypasses row-level security, a default secret, ...)."""

    type, title = "startup-refused", "Refused to start"


class PluginError(BaukastenError):
    """A plugin can't be used; it is quarantined with this as the reason."""

    type, title = "plugin", "A plugin can't be used"


def misfits(error: ValidationError, whole: str = "options") -> str:
    """What does not fit its model, as `path: message; ...`; `whole` stands for an empty path. The
    input is not repeated: it may be a secret."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or whole}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    )


def reason_of(error: BaseException) -> str:
    """Why a plugin is quarantined: our own sentence, or what its code raised, with the type."""
    if isinstance(error, PluginError):
        return error.detail
    return f"{type(error).__name__}: {error}".strip()


class TemplateError(BaukastenError):
    """A document's template is wrong, or does not fit the data it was given."""

    type, title = "template", "A document's template is wrong"
