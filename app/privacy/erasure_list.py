"""Who was erased, in a file that no backup holds: what a restored backup brings back is erased again.

One JSON object a line: the erasure's and the person's id, the ground, what became of the text, when.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from app.privacy.requests import Erasure
from app.settings import ConfigurationError

NAME = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. `at` is when it began, `kept` names documents in which text had to stay."""

    erasure: UUID
    person: UUID
    basis: str
    text: str
    at: str
    kept: list[UUID]


def listed(data_dir: Path) -> list[Listed]:
    """All lines, oldest first. A last line cut short by a crash is left out.

    Raises ConfigurationError for any other line that can't be read: who was erased must not be guessed.
    """
    return list(_lines(data_dir / NAME))


def add(data_dir: Path, erasure: Erasure) -> None:
    """Add a line, once, and return when it is on the disk. Raises OSError, ConfigurationError."""
    if any(line.erasure == erasure.id for line in listed(data_dir)):
        return
    line = {
        "erasure": str(erasure.id),
        "person": str(erasure.person),
        "basis": erasure.basis,
        "text": erasure.text,
        "kept": [str(document) for document in erasure.kept or ()],
        "at": (erasure.begun_at or datetime.now(UTC)).isoformat(),
    }
    path = data_dir / NAME
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        whole = file.read()
        file.truncate(whole.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(data_dir, os.O_RDONLY)
    try:
        os.fsync(folder)  # the file may be new in it
    finally:
        os.close(folder)


def _lines(path: Path) -> Iterator[Listed]:
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            found = json.loads(line)
            person, erasure = UUID(found["person"]), UUID(found["erasure"])
            kept = [UUID(document) for document in found.get("kept", ())]
            yield Listed(erasure, person, str(found["basis"]), str(found["text"]), str(found["at"]), kept)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(f"{path}: line {number} can't be read") from None
