"""A manifest says what it has to, or is refused in one line."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.audit.archive import NotAnArchive
from app.audit.export import FORMAT
from app.audit.facts import Facts, read_facts

PROCESS = UUID("6f1c1f6c-3f0f-4d8e-9d6c-1d2a3b4c5d6e")
MANIFEST: dict[str, Any] = {
    "format": FORMAT,
    "process": str(PROCESS),
    "size": 9,
    "root": "AAEC",
    "events": 3,
    "first": 2,
    "last": 7,
    "documents": 0,
    "members": {},
}


def test_the_facts_of_a_process_and_of_a_whole_log() -> None:
    facts = Facts(process=PROCESS, size=9, root=bytes([0, 1, 2]), events=3, first=2, last=7, documents=0)
    assert read_facts(MANIFEST) == facts
    assert read_facts(MANIFEST | {"process": None}).process is None


@pytest.mark.parametrize("missing", MANIFEST)
def test_nothing_is_left_out(missing: str) -> None:
    with pytest.raises(NotAnArchive, match="does not say what it has to"):
        read_facts({name: value for name, value in MANIFEST.items() if name != missing})


@pytest.mark.parametrize(
    "wrong",
    [
        {"more": 1},
        {"size": -1},
        {"events": True},
        {"first": "2"},
        {"last": None},
        {"documents": [0]},
        {"process": "x"},
        {"process": 5},
        {"process": ""},
        {"root": None},
        {"root": 5},
        {"root": "AAE"},
        {"root": "é"},
    ],
    ids=str,
)
def test_what_is_said_otherwise_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAnArchive, match="does not say what it has to"):
        read_facts(MANIFEST | wrong)


@pytest.mark.parametrize("format", ["interlink-export/2", "x" * 10**6, "x\ny\x1b[2J", None, ["x\n"], {}])
def test_another_format_is_named_in_one_line(format: object) -> None:
    with pytest.raises(NotAnArchive, match=f"reads {FORMAT}, not") as refusal:
        read_facts(MANIFEST | {"format": format})
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200
