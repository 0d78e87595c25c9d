"""DATA_DIR: one server at a time, and enough room on the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import ConfigurationError

NEEDED_BYTES = 256 * 1024 * 1024


class AlreadyServed(ConfigurationError):
    """Another interlink serves this folder."""


def prepare(directory: Path) -> None:
    """Make the folder if need be; raises ConfigurationError if it can't be written or the disk is full."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".write-probe"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR {directory} cannot be written: {error.strerror}") from None
    free = shutil.disk_usage(directory).free
    if free < NEEDED_BYTES:
        raise ConfigurationError(
            f"the disk of DATA_DIR {directory} is full: "
            f"{free >> 20} MiB free, {NEEDED_BYTES >> 20} MiB needed"
        )


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the folder for one server; raises AlreadyServed. A killed server leaves no lock behind."""
    path = directory / "interlink.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text().strip() or "unknown"
            raise AlreadyServed(
                f"another interlink (process {holder}) already serves DATA_DIR {directory}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_served(directory: Path) -> bool:
    """Whether a server holds the folder now."""
    try:
        with exclusive(directory):
            return False
    except AlreadyServed:
        return True
