"""Who sends a request: `request.state.principal`, from the session cookie or a Bearer token."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import Problem
from app.sign_in import COOKIE, Principal, SignIn

CHALLENGE = "WWW-Authenticate"
_OPEN_TO_ALL = ("/static/", "/healthz", "/readyz", "/metrics", "/version")


async def authenticate(connection: HTTPConnection, sign_in: SignIn) -> Principal | None:
    """Who this is; None for nobody. A Bearer token, right or wrong, goes before a cookie.

    Raises a Problem (401) for a token that is not, or no longer, good. A cookie that is not good
    counts as none, so that people can come back and sign in.
    """
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        principal = await sign_in.bearer(secret.strip())
        if principal is None:
            raise Problem(
                401,
                "token_invalid",
                "this access token is not good, or no longer",
                headers={CHALLENGE: 'Bearer realm="interlink", error="invalid_token"'},
            )
        return principal
    cookie = connection.cookies.get(COOKIE)
    return await sign_in.session(cookie) if cookie else None


async def check_still_signed_in(
    connection: HTTPConnection, sign_in: SignIn, principal: Principal | None
) -> None:
    """Raises a Problem (401) if the sign-in of a request has ended: for whoever waited before answering."""
    if await authenticate(connection, sign_in) != principal:
        raise Problem(401, "sign_in_needed", "the sign-in has ended meanwhile")


class PrincipalMiddleware:
    """Sets `request.state.principal` (a Principal or None) for every HTTP request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            connection.state.principal = (
                None
                if scope["path"].startswith(_OPEN_TO_ALL)
                else await authenticate(connection, scope["app"].state.system.sign_in)
            )
        await self.app(scope, receive, send)
