"""The examples, run as people run them: each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PATIENCE = 60.0  # seconds, on a busy machine


@asynccontextmanager
async def running(
    name: str, *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An example during this block, killed at its end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / name),
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    """The next lines that it prints; raises AssertionError with its complaint if it ends before."""
    assert process.stdout is not None
    assert process.stderr is not None
    found: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            line = await process.stdout.readline()
            assert line, (await process.stderr.read()).decode()
            found.append(line.decode().rstrip("\n"))
    return found
