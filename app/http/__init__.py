"""How HTTP is spoken here: typed endpoints, problems, sign-in, CSRF, idempotency, consistency.

`middleware` goes around an application that holds its System at `app.state.system`;
`exception_handlers` go into it. All middlewares are pure ASGI, so that streams stream and
cancellation works; sockets pass through them untouched.
"""

from __future__ import annotations

from starlette.middleware import Middleware

from app.http.body_limit import BodyLimitMiddleware
from app.http.csrf import CsrfMiddleware
from app.http.principal import PrincipalMiddleware
from app.http.problems import ProblemMiddleware, exception_handlers
from app.http.security_headers import SecurityHeadersMiddleware

__all__ = ["exception_handlers", "middleware"]

middleware = [
    Middleware(SecurityHeadersMiddleware),
    Middleware(ProblemMiddleware),
    Middleware(BodyLimitMiddleware),
    Middleware(PrincipalMiddleware),
    Middleware(CsrfMiddleware),
]
