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


def test_a_version_has_a_name_and_may_have_a_reason() -> None:
    document = Document.create(id=uuid4(), process=uuid4(), asset=uuid4(), format="text", language="lv")
    version = uuid4()
    document.name_version(version=version, name="  Final  draft ", reason=" For\r\nthe board ", through=7)
    document.note_restored(through=7, version=version)
    document.note_restored(through=3)
    _, named, restored, other = document.collect_events()
    assert isinstance(named, Document.VersionNamed)
    assert (named.version, named.name, named.reason, named.through) == (
        version,
        "Final draft",
        "For\nthe board",
        7,
    )
    assert isinstance(restored, Document.Restored)
    assert isinstance(other, Document.Restored)
    assert [(e.through, e.version) for e in (restored, other)] == [(7, version), (3, None)]
    for wrong in ({"name": " "}, {"name": "x" * 101}, {"name": "x", "reason": "\x00"}):
        with pytest.raises(Invalid):
            document.name_version(**{"version": version, "reason": "", "through": 0, **wrong})  # type: ignore[arg-type]
