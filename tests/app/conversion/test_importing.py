"""An import is an edit like any other, under a client id that the same request and file always get."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversion.errors import NotConverted
from app.conversion.importing import Upload, _charset, _client, _refusal
from app.door import TurnedAway
from domain.errors import Forbidden, Unavailable
from realtime.hub import Refused
from realtime.protocol import Close

UPLOAD = Upload("a.md", "text/markdown", b"# a", False, UUID(int=7))


def test_the_same_request_and_file_write_under_the_same_id() -> None:
    assert _client(UPLOAD) == _client(replace(UPLOAD, name="b.md", media_type="text/plain"))
    others = [
        replace(UPLOAD, data=b"# b"),
        replace(UPLOAD, replace=True),
        replace(UPLOAD, command=UUID(int=8)),
    ]
    assert len({_client(each) for each in (UPLOAD, *others)}) == 4


@given(st.binary(max_size=20), st.uuids())
def test_the_id_is_one_that_every_engine_takes(data: bytes, command: UUID) -> None:
    assert 0 <= _client(replace(UPLOAD, data=data, command=command)) < 2**32


@pytest.mark.parametrize(
    ("media_type", "charset"),
    [
        ("text/plain; charset=utf-16", "utf-16"),
        ('text/plain;format=flowed; Charset = "windows-1257" ', "windows-1257"),
        ("text/plain", ""),
        ("text/plain; charset", ""),
        ("charset=x", ""),
        ("text/plain; charset=" + "x" * 99, "x" * 40),
    ],
)
def test_the_encoding_that_a_media_type_tells(media_type: str, charset: str) -> None:
    assert _charset(media_type) == charset


@pytest.mark.parametrize("kind", [Refused, TurnedAway])
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (Close.FORBIDDEN, Forbidden),
        (Close.SIGN_IN, Forbidden),
        (Close.NOT_FOUND, Forbidden),
        (Close.TOO_LARGE, NotConverted),
        (Close.SHUTTING_DOWN, Unavailable),
        (Close.TOO_FAST, Unavailable),
        (Close.REDACTED, Unavailable),
    ],
)
def test_why_the_document_took_it_not(kind: type[Refused], code: Close, told: type[Exception]) -> None:
    found = _refusal(kind(code, "why"))
    assert type(found) is told
    assert getattr(found, "code", "") == "document_full" or told is not NotConverted
