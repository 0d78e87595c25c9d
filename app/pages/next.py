"""Where to go on to after signing in: a path of this site, and nothing else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request

HOME = "/"
LIMIT = 2000
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_NOT_BACK_TO = ("/sign-in", "/sign-out", "/auth/")


def safe_next(wish: str | None) -> str:
    """The wished path with its query if it is one of this site, else the dashboard.

    Browsers read `//host`, `/\\host` and tabs or line ends inside as ways to another site.
    """
    if wish is None or len(wish) > LIMIT or not _PATH.fullmatch(wish):
        return HOME
    try:
        parts = urlsplit(wish)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith(_NOT_BACK_TO):
        return HOME
    return wish


def path_and_query(request: Request) -> str:
    """The address of a request without its host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
