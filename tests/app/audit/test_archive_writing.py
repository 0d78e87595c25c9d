"""The same content gives the same bytes, all of it is named, and an archive is whole or not there."""

from __future__ import annotations

import io
import json
import resource
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.audit.archive import Archive
from app.audit.archive_writing import MANIFEST, SIGNATURE, ArchiveWriter


def written(path: Path, members: dict[str, bytes]) -> dict[str, Any]:
    """An archive of these members; what its manifest says."""
    with ArchiveWriter(path) as writer:
        for name, data in members.items():
            writer.add(name, data)
        facts: dict[str, Any] = json.loads(writer.manifest({"format": "x/1"}))
        writer.signature("signed\n")
    return facts


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files of this process may grow to so many bytes, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {"events.ndjson": b"{}\n" * 1000, "keys.txt": "atslēga".encode()}
    written(tmp_path / "one.zip", members)
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 5, 5, 5, 5, 5, 0, 0, 0))
    written(tmp_path / "two.zip", members)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_manifest_names_every_member_but_itself_and_its_signature(tmp_path: Path) -> None:
    members = {"events.ndjson": b"abc", "leaves.bin": bytes(3_000_000), "documents/a.txt": b""}
    facts = written(tmp_path / "x.zip", members)
    told = {name: {"size": len(data), "sha256": sha256(data).hexdigest()} for name, data in members.items()}
    assert facts == {"format": "x/1", "members": told}
    with Archive(tmp_path / "x.zip") as found:
        assert found.names() == members.keys()
        assert found.manifest == facts
        assert {name: found.whole(name) for name in members} == members
        assert found.whole(SIGNATURE) == b"signed\n"
    with zipfile.ZipFile(tmp_path / "x.zip") as plain:
        assert plain.namelist() == [*members, MANIFEST, SIGNATURE]
        assert plain.testzip() is None


def test_what_is_written_in_pieces_is_one_member(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "x.zip") as writer:
        with writer.member("events.ndjson") as member:
            for piece in (b"a", b"", b"bc"):
                member.write(piece)
        file = io.BytesIO(b"from the beginning" * 100_000)
        file.seek(7)
        writer.copy("leaves.bin", file)
        assert writer.members["events.ndjson"] == {"size": 3, "sha256": sha256(b"abc").hexdigest()}
        writer.manifest({})
    with Archive(tmp_path / "x.zip") as found:
        assert found.whole("events.ndjson") == b"abc"
        assert found.whole("leaves.bin") == file.getvalue()


def test_an_archive_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    path.write_bytes(b"the one before")
    with pytest.raises(ZeroDivisionError), ArchiveWriter(path) as writer:
        writer.add("events.ndjson", bytes(1 // len(writer.members)))
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [
        ("out.zip", b"the one before")
    ]
    written(path, {"events.ndjson": b""})
    assert zipfile.is_zipfile(path)


@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_a_full_disk_is_not_left_with_half_an_archive(tmp_path: Path, size: int) -> None:
    """Neither while a member is written, nor when the end of the archive finds no room any more."""
    data = b"".join(sha256(bytes([n % 256, n // 256])).digest() for n in range(size // 32))
    with pytest.raises(OSError, match="too large"), room_for(max(size // 2, 20)):
        written(tmp_path / "out.zip", {"events.ndjson": data})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_behind_is_not_in_the_way(tmp_path: Path) -> None:
    """In a container the next process has the number of the one before."""
    killed = ArchiveWriter(tmp_path / "out.zip")
    killed._zip.close()
    written(tmp_path / "out.zip", {"events.ndjson": b""})
    assert zipfile.is_zipfile(tmp_path / "out.zip")
