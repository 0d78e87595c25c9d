"""The process of one conversion: whatever happens in it, it answers with a line that quotes nothing."""

from __future__ import annotations

import dataclasses
import io
import json
import resource
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from app.conversion import child
from app.conversion.errors import NotConverted
from app.conversion.limits import MIB, ConversionLimits
from domain.errors import Conflict
from realtime import crdt
from tests.app.conversion.documents import bullets, doc, par

LIMITS = ConversionLimits()
EMPTY = crdt.Replica().state()
READ = {
    "work": "read", "kind": "txt", "charset": "", "format": "richtext", "client": 7, "replace": False,
    "title": "T", "language": "lv",
}  # fmt: skip
WRITE = {
    "work": "write", "json": True, "format": "richtext", "target": "md", "whole": False,
    "title": "T", "language": "lv",
}  # fmt: skip


def asked(request: dict[str, Any], *given: bytes) -> bytes:
    head = {**request, "limits": dataclasses.asdict(LIMITS), "sizes": [len(each) for each in given]}
    return json.dumps(head).encode() + b"\n" + b"".join(given)


def answer(
    monkeypatch: pytest.MonkeyPatch, request: dict[str, Any], *given: bytes
) -> tuple[dict[str, Any], bytes]:
    """What it answers, in this process and without its bounds."""
    said = io.BytesIO()
    monkeypatch.setattr(child, "_bound", lambda _: None)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(asked(request, *given))))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=said))
    child.main()
    first, _, made = said.getvalue().partition(b"\n")
    return json.loads(first), made


def test_a_file_becomes_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    told, update = answer(monkeypatch, READ, b"a\n\nb", EMPTY)
    assert told == {"left_out": {}}
    assert crdt.json_of(update, "richtext") == doc(par("a"), par("b"))
    _, more = answer(monkeypatch, {**READ, "client": 8, "replace": True}, b"c", update)
    assert crdt.text_of(crdt.merge([update, more]), "richtext") == "c"
    _, text = answer(monkeypatch, {**READ, "format": "text"}, b"a\n\nb", EMPTY)
    assert crdt.text_of(text, "text") == "a\n\nb"


def test_behind_the_last_block_there_is_a_paragraph_to_write_in(monkeypatch: pytest.MonkeyPatch) -> None:
    _, update = answer(monkeypatch, {**READ, "kind": "md"}, b"- a", EMPTY)
    assert crdt.json_of(update, "richtext") == doc(bullets([par("a")]), par())


@pytest.mark.parametrize("format", ["richtext", "text"])
def test_nothing_in_a_file_is_told(monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    told, made = answer(monkeypatch, {**READ, "format": format, "kind": "txt"}, b"", EMPTY)
    assert (told["refused"], made) == ("file_empty", b"")


def test_a_document_becomes_a_file_whether_as_state_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    content = doc(par("a"), par("b"))
    assert answer(monkeypatch, WRITE, json.dumps(content).encode()) == ({}, b"a\n\nb\n")
    assert answer(monkeypatch, {**WRITE, "json": False}, crdt.compose(content)) == ({}, b"a\n\nb\n")
    plain = {**WRITE, "format": "text"}
    assert answer(monkeypatch, plain, json.dumps({"text": "a\n\nb"}).encode()) == ({}, b"a\n\nb\n")


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (NotConverted("too_slow", "why"), "too_slow"),
        (MemoryError(), "too_complex"),
        (RecursionError(), "too_complex"),
        (Conflict("deep", code="document_too_deep"), "too_complex"),
        (ValueError("secret words"), "failed"),
    ],
)
def test_whatever_goes_wrong_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, error: Exception, refused: str
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    monkeypatch.setitem(child._WORK, "read", fails)
    told, made = answer(monkeypatch, READ, b"x", EMPTY)
    assert (told["refused"], made) == (refused, b"")
    assert "secret" not in str(told)
    if refused == "failed":
        assert told["frames"][0] == "ValueError"


def test_its_bounds_hold_for_all_that_it_starts() -> None:
    code = (
        "import resource, subprocess, sys; from app.conversion import child, limits; "
        "child._bound(limits.ConversionLimits()); "
        "show = 'import resource; print([resource.getrlimit(each) for each in (2, 1, 0, 4)])'; "
        "subprocess.run([sys.executable, '-c', show])"
    )
    assert (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_CORE) == (
        2,
        1,
        0,
        4,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=250)
    expected = (2 * LIMITS.memory + 256 * MIB, LIMITS.output + MIB, int(LIMITS.seconds) + 1, 0)
    assert done.stdout.decode().strip() == str([(most, most) for most in expected])
