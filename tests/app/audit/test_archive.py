"""Archives made to do harm are refused with one clear line, and none is believed before it is checked."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.audit.archive import LARGEST_NUMBER, Archive, NotAnArchive, strict_json
from app.audit.archive_writing import ArchiveWriter
from app.audit.verify import verify_archive
from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey

KEY = LogKey()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A sound export."""
    history = History(2, 10)
    return archive(tmp_path / "good.zip", history.records, KEY.evidence(checkpoints(history.records, KEY)))


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w", method) as made:
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, method)
    return to.getvalue()


def _duplicate(good: bytes) -> bytes:
    return good.replace(b"states.ndjson", b"events.ndjson")


def _bomb(good: bytes) -> bytes:
    """A member that says it has a terabyte."""
    at = good.rindex(b"PK\x01\x02")
    return good[: at + 20] + struct.pack("<LL", 100, 0xFFFFFFF0) + good[at + 28 :]


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda good: b"",
    "no zip": lambda good: b"PK" + bytes(100),
    "cut": lambda good: good[:-30],
    "cut within a member": lambda good: good[: len(good) // 2],
    "something before": lambda good: b"#!/bin/sh\n" + good,
    "something behind": lambda good: good + b"more",
    "duplicate names": _duplicate,
    "zip bomb": _bomb,
    "way up": lambda good: _zip(("../manifest.json", b"{}")),
    "absolute": lambda good: _zip(("/etc/passwd", b"{}")),
    "drive": lambda good: _zip(("c:\\manifest.json", b"{}")),
    "folder": lambda good: _zip(("documents/", b"")),
    "another way of packing": lambda good: _zip(("manifest.json", b"{}"), method=zipfile.ZIP_LZMA),
    "no manifest": lambda good: _zip(("events.ndjson", b"")),
    "a document for a program": lambda good: _zip(("word/document.xml", b"<x/>")),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_archives_are_refused_in_one_line(good: Path, tmp_path: Path, hostile: str) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(HOSTILE[hostile](good.read_bytes()))
    with pytest.raises(NotAnArchive) as refusal:
        verify_archive(path)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 400


MANIFESTS = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing": b"{}",
    "deep": b'{"members":' + b"[" * 100_000,
    "twice the same key": b'{"members":{},"members":{}}',
    "a huge number": b'{"members":{},"size":' + b"9" * 100_000 + b"}",
    "out of range": b'{"members":{},"size":%d}' % (LARGEST_NUMBER + 1),
    "NaN": b'{"members":{},"size":NaN}',
    "a fraction": b'{"members":{},"size":1.5}',
    "not text": b"\xff",
    "another format": b'{"members":{},"format":"other/1"}',
    "a size below zero": b'{"members":{},"format":"interlink-export/1","size":-1,"events":0,"first":0,'
    b'"last":0,"documents":0,"process":null,"root":""}',
}


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_hostile_manifests_are_refused_in_one_line(tmp_path: Path, manifest: str) -> None:
    path = tmp_path / "hostile.zip"
    with ArchiveWriter(path) as writer:
        writer._put("manifest.json", MANIFESTS[manifest])
    with pytest.raises(NotAnArchive) as refusal:
        verify_archive(path)
    assert "\n" not in str(refusal.value)


def test_any_changed_byte_of_the_file_is_found_unless_it_means_nothing(good: Path, tmp_path: Path) -> None:
    """A few bits of a zip file have no meaning; whatever is changed there, the content is the same."""
    data = good.read_bytes()
    whole, path = _content(good), tmp_path / "changed.zip"
    for at in range(3, len(data), 61):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        try:
            held = verify_archive(path, keys=[KEY.vkey]).first is None
        except NotAnArchive:
            continue
        assert not held or _content(path) == whole, at


def _content(path: Path) -> dict[str, bytes]:
    with Archive(path) as archive:
        return {name: archive.whole(name) for name in archive.names() | {"manifest.json", "manifest.sig"}}


def test_json_is_strict() -> None:
    assert strict_json(b'{"a":[1,"x",null,true]}') == {"a": [1, "x", None, True]}
