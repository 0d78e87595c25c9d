"""Finds words in bytes however they are written: in other encodings, escaped, packed, in archives."""

from __future__ import annotations

import gzip
import json
import unicodedata
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from io import BytesIO
from urllib.parse import quote

DEPTH = 4  # packed in packed in …


def words_in(data: bytes, words: Iterable[str]) -> set[str]:
    """Those of the words that stand in the data, in whatever way."""
    wanted = list(words)
    found: set[str] = set()
    for plain in unpacked(data):
        lower = plain.lower()
        for word in wanted:
            exact, folded = spellings(word)
            if any(each in lower for each in folded) or any(each in plain for each in exact):
                found.add(word)
    return found


@cache
def spellings(word: str) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """How a word may stand in bytes: as they are, and in lower case."""
    exact: set[bytes] = set()
    folded: set[bytes] = set()
    for form in ("NFC", "NFD"):
        for cased in (word, word.lower(), word.upper()):
            text = unicodedata.normalize(form, cased)
            written = [text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")]
            for each in written:
                folded |= {each.lower(), each.hex().encode()}
                exact |= set(_base64(each))
            folded |= {json.dumps(text)[1:-1].lower().encode(), quote(text).lower().encode()}
    return frozenset(exact), frozenset(folded)


def _base64(data: bytes) -> Iterator[bytes]:
    """What all base64 of bytes has in common that hold these, at each of the three offsets."""
    for before in range(3):
        encoded = b64encode(bytes(before) + data).rstrip(b"=")
        end = len(encoded) - (1 if (before + len(data)) % 3 else 0)
        yield encoded[(0, 2, 3)[before] : end]


def unpacked(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The data, and all that can be unpacked from it."""
    yield data
    if depth == 0:
        return
    inner: list[bytes] = []
    with suppress(zlib.error):
        inner.append(zlib.decompress(data))
    with suppress(OSError, EOFError, zlib.error):
        inner.append(gzip.decompress(data))
    if data[:2] == b"PK":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(BytesIO(data)) as archive:
            inner += [archive.read(name) for name in archive.namelist()]
            inner.append("\n".join(archive.namelist()).encode())
    for each in inner:
        if each:
            yield from unpacked(each, depth - 1)
