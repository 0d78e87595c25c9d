"""The whole application, and people who talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.documents import redaction
from app.privacy import erasure as erasing
from app.settings import Settings
from app.system import System
from app.wiring import system as wired
from tests.app.events.conftest import ana, app, bruno, sign_up, visitor

__all__ = ["ana", "app", "bruno", "sign_up", "visitor"]


@pytest.fixture
async def system(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    """Everything, started; other nodes, of which there are none, are not waited for.

    What looks for requests in the background leaves them to the test, and what an erasure waits for may
    take a minute.
    """
    monkeypatch.setattr(erasing, "SIGN_INS_EVERY", 0)
    monkeypatch.setattr(erasing, "EVERY", 3600.0)
    monkeypatch.setattr(redaction, "_SEALED_WITHIN", 60.0)
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "a key for tests alone"})
    async with wired(settings, database) as running:
        yield running
