"""The list of who was erased: each once, on the disk, and never guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.privacy.erasure_list import NAME, Listed, add, listed
from app.privacy.requests import Erasure
from app.settings import ConfigurationError

AT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def an_erasure(*, begun: bool = True, kept: list[UUID] | None = None) -> Erasure:
    at = AT if begun else None
    return Erasure(uuid4(), uuid4(), "objection", "redact", None, AT, AT, at, None, kept)


def line_of(erasure: Erasure) -> Listed:
    """What is to stand in the list."""
    basis, text = erasure.basis, erasure.text
    return Listed(erasure.id, erasure.person, basis, text, AT.isoformat(), erasure.kept or [])


def test_nobody_was_erased_where_there_is_no_list(tmp_path: Path) -> None:
    assert listed(tmp_path / "missing") == []


def test_each_stands_there_once_oldest_first(tmp_path: Path) -> None:
    erasures = [an_erasure(), an_erasure(kept=[uuid4(), uuid4()]), an_erasure()]
    for erasure in (*erasures, *erasures):
        add(tmp_path / "new" / "place", erasure)
    assert listed(tmp_path / "new" / "place") == [line_of(erasure) for erasure in erasures]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    add(tmp_path, an_erasure())
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_what_has_not_begun_gets_the_time_of_now(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    add(tmp_path, an_erasure(begun=False))
    [line] = listed(tmp_path)
    assert before <= datetime.fromisoformat(line.at) <= datetime.now(UTC)


def test_a_line_cut_short_anywhere_is_left_out_and_written_again(tmp_path: Path) -> None:
    first, second = an_erasure(), an_erasure(kept=[uuid4()])
    add(tmp_path, first)
    whole = len((tmp_path / NAME).read_bytes())
    add(tmp_path, second)
    complete = (tmp_path / NAME).read_bytes()
    for end in range(whole, len(complete)):
        (tmp_path / NAME).write_bytes(complete[:end])
        assert listed(tmp_path) == [line_of(first)]
    add(tmp_path, second)
    assert (tmp_path / NAME).read_bytes() == complete


def test_a_list_from_before_texts_were_kept_is_read(tmp_path: Path) -> None:
    erasure = an_erasure()
    add(tmp_path, erasure)
    old = json.loads((tmp_path / NAME).read_bytes())
    del old["kept"]
    (tmp_path / NAME).write_text(json.dumps(old) + "\n")
    assert listed(tmp_path) == [line_of(erasure)]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"{}",
        b'{"person": 1, "erasure": 2}',
        b'{"person": "x", "erasure": "y"}',
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_any_other_line_that_can_not_be_read_is_named_and_nothing_is_added(
    tmp_path: Path, broken: bytes
) -> None:
    add(tmp_path, an_erasure())
    with open(tmp_path / NAME, "ab") as file:
        file.write(broken + b"\n")
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(ConfigurationError, match=r"erasures\.jsonl: line 2 can't be read"):
        listed(tmp_path)
    with pytest.raises(ConfigurationError):
        add(tmp_path, an_erasure())
    assert (tmp_path / NAME).read_bytes() == before
