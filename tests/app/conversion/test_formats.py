"""The kind of a file is told by its name, and by its media type only where the name says nothing."""

from __future__ import annotations

import pytest

from app.conversion import formats
from app.conversion.formats import FORMATS, MADE, READABLE


def test_kinds_of_files() -> None:
    def kind(name: str, media_type: str = "") -> str | None:
        found = formats.of_file(name, media_type)
        return found.name if found else None

    assert kind("A.DOCX", "text/plain") == "docx"
    assert kind("", "text/markdown; charset=utf-8") == "md"
    assert kind("notes", "text/plain") == "txt"
    assert kind("a.exe", "text/plain") is None
    assert kind("a.pdf", "application/pdf") is None
    assert kind("", "") is None
    assert kind("folder.v2/notes", "text/html") == "html"
    assert kind("a.docx.exe", FORMATS["docx"].media_types[0]) is None
    assert kind("a.tar.HTM") == "html"
    assert kind("", " Text/Plain ;charset=x") == "txt"


@pytest.mark.parametrize("name", READABLE)
def test_each_readable_kind_is_known_by_each_of_its_names(name: str) -> None:
    found = FORMATS[name]
    assert all(formats.of_file(f"x{extension}", "") is found for extension in found.extensions)
    assert all(formats.of_file("", media_type) is found for media_type in found.media_types)
    assert found.reader or name == "txt"


def test_text_that_is_made_says_its_encoding() -> None:
    assert [FORMATS[name].media_type.endswith("; charset=utf-8") for name in MADE] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert all(FORMATS[name].writer for name in MADE)
