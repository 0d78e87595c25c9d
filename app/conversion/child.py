"""The process in which one conversion happens: a request on stdin, the answer on stdout, then it ends.

Both are a line of JSON and then bytes. Whatever a file does to this process, the server goes on:
its memory, processor time and what it writes are bounded here, its time by its parent.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
from typing import Any

from app.conversion import reading, schema, writing
from app.conversion.errors import NotConverted
from app.conversion.limits import MIB, ConversionLimits
from app.conversion.reading import File, Into
from domain.errors import Conflict
from realtime import crdt


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.stdin.buffer.readline())
    limits = ConversionLimits(**request["limits"])
    _bound(limits)
    answer: dict[str, Any]
    given = [sys.stdin.buffer.read(size) for size in request["sizes"]]
    try:
        answer, made = _WORK[request["work"]](request, given, limits)
    except NotConverted as refusal:
        answer, made = {"refused": refusal.code, "why": str(refusal)}, b""
    except (MemoryError, RecursionError, Conflict):  # Conflict: the document is nested too deeply
        answer, made = {"refused": "too_complex", "why": "it needs more than is allowed"}, b""
    except Exception as error:  # told without its message, which may quote what people wrote
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        told = [type(error).__name__, *frames[-8:]]
        answer, made = {"refused": "failed", "why": "it could not be converted", "frames": told}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + made)
    sys.stdout.buffer.flush()


def _bound(limits: ConversionLimits) -> None:
    """For this process and those that it starts."""
    seconds = int(limits.seconds) + 1
    for what, most in (
        (resource.RLIMIT_DATA, 2 * limits.memory + 256 * MIB),
        (resource.RLIMIT_FSIZE, limits.output + MIB),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


Answer = tuple[dict[str, Any], bytes]


def _read(request: dict[str, Any], given: list[bytes], limits: ConversionLimits) -> Answer:
    """A file and a document's state → the update that brings the one into the other."""
    data, state = given
    file = File(request["kind"], data, request["charset"])
    into = Into(request["title"], request["language"])
    take = reading.read_text if request["format"] == "text" else reading.read
    found = take(file, into, limits)
    if not (found.document.get("content") or found.document.get("text")):
        raise NotConverted("file_empty", "there is nothing in this file")
    if request["format"] != "text" and found.document["content"][-1]["type"] != "paragraph":
        # editors keep a paragraph to write in at the end: each open one would add its own
        found.document["content"].append(schema.node("paragraph"))
    client, replace = request["client"], request["replace"]
    update = crdt.insert(state, found.document, request["format"], client=client, replace=replace)
    return {"left_out": dict(found.left_out)}, update


def _write(request: dict[str, Any], given: list[bytes], limits: ConversionLimits) -> Answer:
    """A document's state, or its content as JSON → a file."""
    content = json.loads(given[0]) if request["json"] else crdt.json_of(given[0], request["format"])
    document = reading.paragraphs(content["text"]) if request["format"] == "text" else content
    made = writing.write(
        document,
        request["target"],
        limits,
        title=request["title"],
        language=request["language"],
        whole=request["whole"],
    )
    return {}, made


_WORK = {"read": _read, "write": _write}

if __name__ == "__main__":
    main()
