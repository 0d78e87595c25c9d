"""The built browser files: their names change with their content, so that they can be kept for ever."""

from __future__ import annotations

from os import PathLike, stat_result

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.web.bundle import DIST

FOR_EVER = "public, max-age=31536000, immutable"


class BundleFiles(StaticFiles):
    """Files of the bundle, with a cache header to their names."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, kept by browsers for ever if its name holds its hash."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = scope["path"].startswith("/static/assets/")
        response.headers["Cache-Control"] = FOR_EVER if hashed else "no-cache"
        return response


def bundle_files() -> BundleFiles:
    """What is served under /static."""
    return BundleFiles(directory=DIST, check_dir=False)
