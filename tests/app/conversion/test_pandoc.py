"""Pandoc runs within its limits, sees nothing of the machine, and what it complains of stays here."""

from __future__ import annotations

import dataclasses
import os
import signal
from contextlib import suppress

import pytest

from app.conversion import pandoc
from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits

LIMITS = ConversionLimits()


def refusal(data: bytes, reader: str = "html", writer: str = "html", **limits: float) -> NotConverted:
    with pytest.raises(NotConverted) as refused:
        pandoc.run(data, reader, writer, dataclasses.replace(LIMITS, **limits))  # type: ignore[arg-type]
    return refused.value


def test_a_tree_goes_there_and_back() -> None:
    tree = pandoc.tree("# Ā\n\nb c".encode(), "gfm", LIMITS)
    assert [block["t"] for block in tree["blocks"]] == ["Header", "Para"]
    assert pandoc.from_tree(tree, "gfm", LIMITS).decode() == "# Ā\n\nb c\n"


def test_files_of_the_machine_are_out_of_reach() -> None:
    """Each of these would put a file's content into what is made, without the sandbox."""
    for reader, source in (("rst", ".. include:: /etc/passwd"), ("latex", r"\input{/etc/passwd}")):
        with suppress(NotConverted):
            assert b"root:" not in pandoc.run(source.encode(), reader, "plain", LIMITS)


def test_what_it_cannot_read_is_told_without_a_quotation() -> None:
    told = refusal(b"secret words", "docx")
    assert told.code == "file_broken"
    assert "secret" not in str(told)
    assert refusal(b'{"secret": 1}', "json").code == "file_broken"


def test_output_and_time_are_bounded() -> None:
    words = b"word " * 1000
    assert len(pandoc.run(words, "html", "plain", dataclasses.replace(LIMITS, output=5000))) == 5000
    assert refusal(words, writer="plain", output=4999).code == "too_complex"
    assert refusal(words, seconds=0.001).code == "too_slow"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (251, "too_complex"),
        (-signal.SIGKILL, "too_complex"),
        (-signal.SIGXFSZ, "too_complex"),
        (64, "file_broken"),
    ],
)
def test_how_it_ended_tells_why(code: int, expected: str) -> None:
    assert pandoc._failure(code).code == expected


def test_a_tree_too_deep_to_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "run", lambda *_: b"[" * 200_000)
    with pytest.raises(NotConverted) as refused:
        pandoc.tree(b"", "html", LIMITS)
    assert refused.value.code == "too_complex"


def test_the_program_is_the_one_that_was_installed() -> None:
    assert os.access(pandoc.program(), os.X_OK)
