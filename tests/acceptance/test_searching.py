"""What looks for traces finds them, in every way in which they may be written."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from base64 import b64encode
from io import BytesIO
from urllib.parse import quote

import pytest

from tests.acceptance.searching import words_in

WORD = "Wilhelmína"


def zipped(data: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f"xx{WORD.upper()}xx".encode(), id="upper"),
        pytest.param(f"x{WORD}x".encode("utf-16-le"), id="utf-16"),
        pytest.param(json.dumps([WORD]).encode(), id="json"),
        pytest.param(quote(f"/{WORD}").encode(), id="url"),
        pytest.param(f"x{WORD}".encode().hex().upper().encode(), id="hex"),
        *(pytest.param(b64encode(f"{'x' * n}{WORD}y".encode()), id=f"base64-{n}") for n in range(3)),
        pytest.param(zlib.compress(WORD.encode()), id="zlib"),
        pytest.param(gzip.compress(zipped(zlib.compress(WORD.encode()))), id="nested"),
    ],
)
def test_a_word_is_found_however_it_is_written(data: bytes) -> None:
    assert words_in(data, [WORD, "elsewhere"]) == {WORD}


def test_what_is_not_there_is_not_found() -> None:
    assert words_in(zlib.compress(b"Wilhelm, and others"), [WORD]) == set()
