"""What an archive tells is compared with its events; what cannot be read is a finding, and not the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.audit.archive import Archive
from app.audit.archive_writing import ArchiveWriter
from app.audit.verify import Report, verify_archive
from domain.errors import Invalid
from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey

KEY = LogKey()
HISTORY = History(2, 12)
PROCESS = HISTORY.processes[0]
Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sound exports of the log and of a process."""
    folder, evidence = tmp_path_factory.mktemp("exports"), KEY.evidence(checkpoints(HISTORY.records, KEY))
    return {
        "log": archive(folder / "log.zip", HISTORY.records, evidence),
        "process": archive(folder / "process.zip", HISTORY.records, evidence, process=PROCESS),
    }


def forged(source: Path, to: Path, change: Change, *members: str, **facts: Any) -> Report:
    """What is said of an archive with other members and facts, signed anew by the log's own key."""
    with Archive(source) as old, ArchiveWriter(to) as new:
        for name in sorted(old.names()):
            data = old.whole(name)
            new.add(name, change(data) if name in members else data)
        new.signature(KEY.manifest(new.manifest(_facts(old) | facts)))
    return verify_archive(to, keys=[KEY.vkey])


def _facts(archive: Archive) -> dict[str, Any]:
    return {key: value for key, value in archive.manifest.items() if key != "members"}


def named(report: Report) -> dict[str, int | None]:
    """The names and positions of what does not hold."""
    assert all(line.isprintable() for line in report.lines()), "one line for each check"
    return {check.name: check.position for check in report.checks if not check.ok}


def first_line(**facts: Any) -> Change:
    """Other values in the first line of a member."""

    def change(data: bytes) -> bytes:
        line, _, rest = data.partition(b"\n")
        told = json.loads(line) | facts
        return (
            json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            + b"\n"
            + rest
        )

    return change


def unchanged(data: bytes) -> bytes:
    return data


def test_sound_exports_hold_and_say_whom_to_trust(exports: dict[str, Path]) -> None:
    for path in exports.values():
        report = verify_archive(path, keys=[KEY.vkey])
        assert report.first is None
        assert report.lines()[-1] == f"trusted: {KEY.vkey} (as given)"
        assert verify_archive(path).lines()[-1].endswith("(its own: compare with the key you know)")
        assert all(check.seen for check in report.checks if check.name != "rewritten payloads")


def test_a_key_that_is_none_is_refused(exports: dict[str, Path]) -> None:
    with pytest.raises(Invalid):
        verify_archive(exports["log"], keys=["x"])
    with pytest.raises(Invalid):
        verify_archive(exports["log"], witnesses=[KEY.vkey])
    assert "manifest signature" in named(verify_archive(exports["log"], keys=[LogKey(seed=8).vkey]))


DEEP = "[" * 100_000
HOSTILE: dict[str, tuple[str, Change, str]] = {
    "a note that is a number": ("checkpoints.ndjson", first_line(note=5), "checkpoint signatures"),
    "no note": ("checkpoints.ndjson", first_line(note=None), "checkpoint signatures"),
    "half a character": (
        "checkpoints.ndjson",
        lambda data: data.replace(b'"note":"', b'"note":"\\ud800'),
        "checkpoint signatures",
    ),
    "a path that is a number": ("checkpoints.ndjson", first_line(path=5), "checkpoint consistency"),
    "a path of numbers": ("checkpoints.ndjson", first_line(path=[5]), "checkpoint consistency"),
    "a note of another size": ("checkpoints.ndjson", first_line(size=6), "checkpoint signatures"),
    "no checkpoints": ("checkpoints.ndjson", lambda data: b"", "head"),
    "no JSON": ("checkpoints.ndjson", lambda data: b"x\n" + data, "checkpoint signatures"),
    "a line without an end": ("events.ndjson", lambda data: data[:-1], "events"),
    "a payload without a bottom": ("events.ndjson", first_line(payload=DEEP), "schemas"),
    "a type that forges a line": ("events.ndjson", first_line(type="x\nok      root: 9"), "leaves"),
    "an event less": ("events.ndjson", lambda data: data.split(b"\n", 1)[1], "positions"),
    "a leaf less": ("leaves.bin", lambda data: data[:-1], "leaf data"),
    "a leaf more": ("leaves.bin", lambda data: data + bytes(4), "leaf data"),
    "a state more": ("states.ndjson", lambda data: data + b"{}\n", "replayed states"),
    "a state less": ("states.ndjson", lambda data: data.split(b"\n", 1)[1], "replayed states"),
    "a model more": ("read-models.ndjson", lambda data: data + b"{}\n", "read models"),
    "a proof of numbers": ("proofs.ndjson", first_line(path=[5]), "inclusion proofs"),
    "no path": ("proofs.ndjson", first_line(path=None), "inclusion proofs"),
    "a proof of another event": ("proofs.ndjson", first_line(position=2), "inclusion proofs"),
    "a proof more": ("proofs.ndjson", lambda data: data + b"{}\n", "inclusion proofs"),
    "a proof less": ("proofs.ndjson", lambda data: data.split(b"\n", 1)[1], "inclusion proofs"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_can_not_be_read_or_is_too_much_is_a_finding_of_its_check(
    exports: dict[str, Path], tmp_path: Path, hostile: str
) -> None:
    """Although whoever made it holds the log's key."""
    member, change, check = HOSTILE[hostile]
    source = exports["process" if member == "proofs.ndjson" else "log"]
    assert check in named(forged(source, tmp_path / "x.zip", change, member))


@pytest.mark.parametrize("size", ["1\nok", "7", [], None, True])
def test_time_stamps_that_are_none_are_named(exports: dict[str, Path], tmp_path: Path, size: object) -> None:
    path, line = tmp_path / "x.zip", json.dumps({"size": size, "response": "AA=="})
    with Archive(exports["log"]) as old, ArchiveWriter(path) as new:
        for name in sorted(old.names()):
            new.add(name, old.whole(name))
        new.add("timestamps.ndjson", line.encode() + b"\n")
        new.signature(KEY.manifest(new.manifest(_facts(old))))
    assert named(verify_archive(path, keys=[KEY.vkey])).keys() == {"time stamps"}


def test_the_manifest_s_own_numbers_are_checked(exports: dict[str, Path], tmp_path: Path) -> None:
    wrong: dict[str, tuple[Any, str]] = {
        "events": (11, "events"),
        "first": (2, "events"),
        "last": (13, "events"),
        "size": (13, "root"),
        "root": ("A" * 43 + "=", "root"),
        "documents": (99, "document texts"),
        "process": (str(PROCESS), "positions"),
    }
    for fact, (value, check) in wrong.items():
        found = named(forged(exports["log"], tmp_path / fact, unchanged, **{fact: value}))
        assert check in found, fact
    found = named(
        forged(exports["process"], tmp_path / "other", unchanged, process=str(HISTORY.processes[1]))
    )
    assert {"positions", "provenance"} <= found.keys()


def test_members_are_those_of_the_manifest(exports: dict[str, Path], tmp_path: Path) -> None:
    """Names in it come from anywhere: none of them forges a line."""
    path = tmp_path / "x.zip"
    with Archive(exports["log"]) as old, ArchiveWriter(path) as new:
        for name in sorted(old.names() - {"keys.txt"}):
            new.add(name, old.whole(name))
        new.add("documents/more.txt", b"")
        new.members["x\nok      root: 12"] = {}
        new.signature(KEY.manifest(new.manifest(_facts(old))))
    report = verify_archive(path, keys=[KEY.vkey])
    assert named(report).keys() == {"members", "document texts"}
    assert "documents/more.txt" in str(report.checks[-1])
    unsigned = tmp_path / "unsigned.zip"
    with Archive(exports["log"]) as old, ArchiveWriter(unsigned) as new:
        for name in sorted(old.names()):
            new.add(name, old.whole(name))
        new.manifest(_facts(old))
    assert named(verify_archive(unsigned)).keys() == {"manifest signature"}


def test_a_burst_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Its bytes are those that were recorded, and everything else holds: still, it is no sound log."""
    history = History(3, 12)
    document = next(r.event for r in history.records if r.event.type == "document.edited")
    history.append_burst(document, b"\x00\x01 no update")
    path = archive(tmp_path / "x.zip", history.records, KEY.evidence(checkpoints(history.records, KEY)))
    first = verify_archive(path, keys=[KEY.vkey]).first
    assert first is not None
    assert (first.name, first.position) == ("document texts", len(history.records))


def test_an_event_that_cannot_be_applied_is_named(tmp_path: Path) -> None:
    history = History(4, 12)
    history.append_misfit()
    path = archive(tmp_path / "x.zip", history.records, KEY.evidence(checkpoints(history.records, KEY)))
    first = verify_archive(path, keys=[KEY.vkey]).first
    assert first is not None
    assert (first.name, first.position) == ("replayed states", len(history.records))
