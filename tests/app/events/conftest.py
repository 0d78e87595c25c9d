"""The whole application and people who talk to it, as in tests/app/api, with nobody at work beside a test."""

from __future__ import annotations

import asyncio

import pytest

from app.events.access_log import AccessLog
from app.privacy import erasure
from tests.app.api.conftest import address, ana, app, bruno, sign_up, system, visitor

__all__ = ["address", "ana", "app", "bruno", "sign_up", "system", "visitor"]


@pytest.fixture(autouse=True)
def nobody_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done from time to time adds no event while a test counts them."""

    async def wait(accesses: AccessLog, every: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(AccessLog, "_write_for_ever", wait)
    monkeypatch.setattr(erasure, "EVERY", 3600.0)
