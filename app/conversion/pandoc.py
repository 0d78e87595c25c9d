"""Runs pandoc (a program of its own, GPL-2.0-or-later) on what is read from a pipe and written to a file.

`--sandbox` keeps it from files and the network; its heap, the size of what it writes and its time
are bounded. https://pandoc.org/MANUAL.html#a-note-on-security
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pypandoc  # type: ignore[import-untyped]  # it says nothing about types

from app.conversion.errors import NotConverted
from app.conversion.limits import MIB, ConversionLimits

_HEAP_EXHAUSTED = 251  # of GHC's runtime
_ENVIRONMENT = {"LANG": "C.UTF-8", "HOME": "/nonexistent"}


def program() -> Path:
    """Where the installed pandoc is."""
    return Path(pypandoc.__file__).parent / "files" / "pandoc"


def run(data: bytes, reader: str, writer: str, limits: ConversionLimits, *options: str) -> bytes:
    """Convert; raises NotConverted (too_complex, too_slow, file_broken)."""
    command = [
        str(program()),
        "+RTS",
        f"-M{limits.memory // MIB}m",
        "-RTS",
        "--sandbox",
        "--quiet",
        f"--from={reader}",
        f"--to={writer}",
        *options,
    ]
    with tempfile.TemporaryFile() as made:
        try:
            done = subprocess.run(
                command,
                input=data,
                stdout=made,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                timeout=limits.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotConverted("too_slow", "the conversion took too long") from None
        if done.returncode:
            raise _failure(done.returncode)
        size = made.tell()
        if size > limits.output:
            raise NotConverted("too_complex", "the conversion made too much of it")
        made.seek(0)
        return made.read()


def _failure(code: int) -> NotConverted:
    """What it complains of stays here: it may quote the file."""
    if code == _HEAP_EXHAUSTED or code < 0:  # a signal: over the limit of size, memory or processor time
        return NotConverted("too_complex", "the file needs more than is allowed to be converted")
    return NotConverted("file_broken", "the file could not be understood")


def tree(data: bytes, reader: str, limits: ConversionLimits) -> dict[str, Any]:
    """A file as pandoc's document tree; raises NotConverted."""
    try:
        found: dict[str, Any] = json.loads(run(data, reader, "json", limits, "--preserve-tabs"))
    except RecursionError:
        raise NotConverted("too_complex", "the file is nested too deeply") from None
    return found


def from_tree(tree: dict[str, Any], writer: str, limits: ConversionLimits, *options: str) -> bytes:
    """A document tree as a file; raises NotConverted."""
    data = json.dumps(tree, separators=(",", ":")).encode()
    # Word's reader knows code blocks by a style that pandoc defines only where it highlights
    colours = "monochrome" if writer == "docx" else "none"
    return run(data, "json", writer, limits, "--wrap=none", f"--syntax-highlighting={colours}", *options)
