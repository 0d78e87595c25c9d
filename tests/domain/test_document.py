"""A document knows its place and format, and nothing of its text."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.document import Document
from domain.errors import Invalid
from tests.domain.replay import replayed


def test_format_and_language_are_checked() -> None:
    for unfit in ({"format": "pdf", "language": "lv"}, {"format": "text", "language": "Latvian!"}):
        with pytest.raises(Invalid):
            Document.create(id=uuid4(), process=uuid4(), asset=uuid4(), **unfit)  # type: ignore[arg-type]


def test_a_burst_keeps_its_bytes_and_times() -> None:
    document = Document.create(id=uuid4(), process=uuid4(), asset=uuid4(), format="richtext", language="lv")
    moment = datetime(2026, 3, 4, 14, 3, 10, 123456, tzinfo=UTC)
    update = bytes(range(256))
    document.trigger_event(
        Document.Edited, began=moment, ended=moment, edits=3, inserted=212, deleted=14, update=update
    )
    twin = replayed(document)
    assert twin == document
    assert twin.version == 2
