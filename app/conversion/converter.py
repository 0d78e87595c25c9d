"""Conversions as the server asks for them: each happens in a process of its own, which ends in time."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.reading import File, Into
from domain.errors import Unavailable

log = structlog.get_logger(__name__)

# Isolated: neither the current folder nor PYTHON… variables choose the code, and no secret is inherited.
_COMMAND = (sys.executable, "-I", "-m", "app.conversion.child")
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says at some moment: a Yjs `state`, or its content as `json` (see crdt.json_of)."""

    format: str
    state: bytes | None = None
    json: Any = None


@dataclass(frozen=True, slots=True)
class Insertion:
    """How a file goes into a document: `state` is what is there, `client` the Yjs id to write under.

    A document that this client has written in already stays as it is: the file is in it.
    """

    state: bytes
    format: str
    client: int
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """The update that brings a file into a document, and what could not be kept, counted by code."""

    update: bytes
    left_out: dict[str, int]


class Converter:
    """Runs `limits.at_once` conversions at a time; some more wait in line."""

    def __init__(self, limits: ConversionLimits) -> None:
        self.limits = limits
        self._slots = asyncio.Semaphore(limits.at_once)
        self._waiting = 0

    async def write(self, content: Content, target: str, into: Into, *, whole: bool = True) -> bytes:
        """A document as a file of kind `target` (formats.MADE); title and language are those of `into`.

        With `whole` False, md and html come without what goes around the text. Raises NotConverted,
        Unavailable.
        """
        as_json = content.state is None
        given = json.dumps(content.json).encode() if content.state is None else content.state
        request = {
            "work": "write",
            "json": as_json,
            "format": content.format,
            "target": target,
            "whole": whole,
        }
        _, made = await self._run({**request, **dataclasses.asdict(into)}, given)
        return made

    async def read(self, file: File, into: Into, how: Insertion) -> Converted:
        """A file as an update to a document; raises NotConverted, Unavailable."""
        if len(file.data) > self.limits.upload:
            raise NotConverted("file_too_large", f"a file has at most {self.limits.upload} bytes")
        request = {
            "work": "read",
            "kind": file.kind,
            "charset": file.charset,
            "format": how.format,
            "client": how.client,
            "replace": how.replace,
        }
        answer, update = await self._run({**request, **dataclasses.asdict(into)}, file.data, how.state)
        return Converted(update, answer["left_out"])

    async def _run(self, request: dict[str, Any], *given: bytes) -> tuple[dict[str, Any], bytes]:
        head = {**request, "limits": dataclasses.asdict(self.limits), "sizes": [len(each) for each in given]}
        async with self._slot():
            code, said = await self._child(json.dumps(head).encode() + b"\n" + b"".join(given))
        first, _, made = said.partition(b"\n")
        if code or not first:
            log.warning("conversion_died", work=request["work"], code=code)
            raise NotConverted("too_complex", "the conversion needed more than is allowed")
        answer: dict[str, Any] = json.loads(first)
        if "refused" in answer:
            if answer["refused"] == "failed":
                log.error("conversion_failed", work=request["work"], frames=answer["frames"])
            raise NotConverted(answer["refused"], answer["why"])
        return answer, made

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= self.limits.waiting:
            raise Unavailable("too many conversions are under way", retry_after=self.limits.seconds / 4)
        self._waiting += 1
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("too many conversions are under way", retry_after=5) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def _child(self, request: bytes) -> tuple[int, bytes]:
        """Exit code and output; raises NotConverted (too_slow)."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self.limits.seconds):
                said, _ = await process.communicate(request)
        except TimeoutError:
            raise NotConverted("too_slow", "the conversion took too long") from None
        finally:
            await _end(process)
        return process.returncode or 0, said


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing that was started outlives its conversion, pandoc included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    await process.wait()
