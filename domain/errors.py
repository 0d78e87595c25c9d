"""Every refusal the domain can utter, in one tree.

    DomainError
    ├── Invalid            the request breaks a rule of the thing itself          (HTTP 422)
    ├── NotFound           no such thing, or the asker may not know that it exists (HTTP 404)
    ├── Forbidden          the asker lacks a right                                (HTTP 403)
    ├── Conflict           the thing is not in the state the request assumes      (HTTP 409)
    │   └── VersionConflict    somebody else wrote the stream first (retried by commands)
    └── Unavailable        cannot be done just now; nothing was stored            (HTTP 503)

`code` is stable and machine-readable; the message is for developers; what a person reads is
rendered in their language from the code.
"""

from __future__ import annotations


class DomainError(Exception):
    """Base of all refusals. `code` is a stable snake_case name."""

    code = "domain_error"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.field = field


class Invalid(DomainError):
    """The request breaks a rule of the thing itself."""

    code = "invalid"


class NotFound(DomainError):
    """No such thing, or the asker may not know that it exists."""

    code = "not_found"


class Forbidden(DomainError):
    """The asker lacks a right."""

    code = "forbidden"


class Conflict(DomainError):
    """The thing is not in the state that the request assumes."""

    code = "conflict"


class VersionConflict(Conflict):
    """Somebody else wrote the stream first, or the append condition no longer holds."""

    code = "version_conflict"


class Unavailable(DomainError):
    """Cannot be done just now; nothing was stored and trying again later may work."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
