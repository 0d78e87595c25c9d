"""`interlink tail` beside a running system."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from app.cli import parser
from app.settings import ConfigurationError, Settings
from app.system import System
from tests.app.api.conftest import Somebody, ana, app, sign_up, system, visitor

__all__ = ["ana", "app", "sign_up", "system", "visitor"]


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"data_dir": tmp_path, "secret_key": "a key for tests alone", "database_url": database}
    )


async def printed(
    settings: Settings, capture: pytest.CaptureFixture[bytes], lines: int, *arguments: str
) -> list[str]:
    """The types of the first events that it prints."""
    options = parser().parse_args(["tail", *arguments])
    task = asyncio.create_task(options.run(settings, options))
    out = b""
    try:
        async with asyncio.timeout(60):
            while len(_events(out)) < lines:
                assert not task.done()
                await asyncio.sleep(0.01)
                out += capture.readouterr().out
    finally:
        task.cancel()
        await asyncio.wait([task])
    return [json.loads(line)["type"] for line in _events(out)]


def _events(out: bytes) -> list[bytes]:
    """The whole lines that are events; the system logs there, too."""
    return [line for line in out.splitlines(keepends=True) if line[:1] == b"{" and line[-1:] == b"\n"]


async def test_prints_what_was_asked_for(
    settings: Settings, ana: Somebody, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    process, _ = await ana.a_process("First"), await ana.a_process("Second")
    started = await printed(settings, capsysbinary, 2, "--after", "0", "--type", "process.started")
    assert started == ["process.started"] * 2
    one = await printed(settings, capsysbinary, 3, "--after", "0", "--process", process)
    assert one == ["process.started", "process.right_granted", "plan.opened"]


async def test_refuses_a_position_that_is_not(settings: Settings, system: System) -> None:
    options = parser().parse_args(
        ["tail", "--after", str(await system.log.head() + 1), "--process", str(uuid4())]
    )
    with pytest.raises(ConfigurationError, match="there is no position"):
        await options.run(settings, options)
