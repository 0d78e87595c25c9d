"""Whatever is changed in a log or an export is found and named, and what was not changed never is.

The forger of an event has everything but the log's key: leaf hashes, leaf data, states, texts, proofs
and the manifest's digests are made anew around it, as the export itself would make them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.audit.archive import Archive
from app.audit.archive_writing import ArchiveWriter
from app.audit.export import Evidence
from app.audit.records import LogRecord
from app.audit.verify import Report, verify_archive
from app.eventlog.leaf import commitment, leaf
from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey

KEY = LogKey()
OTHER = UUID(int=4711, version=4)
Forge = Callable[[list[LogRecord], int], int]
"""Changes the records at an index; returns the position that a check must name."""


def _event(**change: Any) -> Forge:
    def forge(records: list[LogRecord], at: int) -> int:
        record = records[at]
        made = {name: value(record.event) if callable(value) else value for name, value in change.items()}
        event = replace(record.event, **made)
        assert event != record.event
        records[at] = replace(record, event=event)
        return at + 1

    return forge


def _record(**change: Any) -> Forge:
    def forge(records: list[LogRecord], at: int) -> int:
        made = {name: value(records[at]) for name, value in change.items()}
        records[at] = replace(records[at], **made)
        return at + 1

    return forge


def _attach(records: list[LogRecord], at: int) -> int:
    found = next((i for i, record in enumerate(records) if i >= at and record.event.attachment), None)
    if found is None:
        found = next(i for i, record in enumerate(records) if record.event.attachment)
    event = records[found].event
    records[found] = replace(
        records[found], event=replace(event, attachment=_flipped(event.attachment or b""))
    )
    return found + 1


def _detach(records: list[LogRecord], at: int) -> int:
    found = next(i for i, record in enumerate(records) if record.event.attachment)
    records[found] = replace(records[found], event=replace(records[found].event, attachment=None))
    return found + 1


def _delete(records: list[LogRecord], at: int) -> int:
    del records[at]
    return min(at + 1, len(records))


def _insert(records: list[LogRecord], at: int) -> int:
    records.insert(at, records[at])
    return at + 2


def _swap(records: list[LogRecord], at: int) -> int:
    at = min(at, len(records) - 2)
    records[at], records[at + 1] = records[at + 1], records[at]
    return at + 1


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else b"x"


FORGERIES: dict[str, Forge] = {
    "event_id": _event(event_id=OTHER),
    "stream": _event(stream=OTHER),
    "version": _event(version=lambda event: event.version + 1),
    "type": _event(type=lambda event: event.type + "x"),
    "schema_version": _event(schema_version=2),
    "earlier": _event(recorded_at=lambda event: event.recorded_at - timedelta(days=1)),
    "a microsecond later": _event(recorded_at=lambda event: event.recorded_at + timedelta(microseconds=1)),
    "actor": _event(actor=OTHER),
    "on_behalf_of": _event(on_behalf_of=OTHER),
    "command_id": _event(command_id=OTHER),
    "correlation_id": _event(correlation_id=OTHER),
    "causation_id": _event(causation_id=OTHER),
    "process": _event(process=OTHER),
    "tags": _event(tags=("forged",)),
    "payload": _event(payload=lambda event: event.payload[:-1] + b',"x":1}'),
    "salt": _record(salt=lambda record: _flipped(record.salt)),
    "commitment": _record(commitment=lambda record: _flipped(record.commitment)),
    "leaf_hash": _record(leaf_hash=lambda record: _flipped(record.leaf_hash)),
    "said to be rewritten": _record(rewritten=lambda record: not record.rewritten),
    "attachment": _attach,
    "no attachment": _detach,
    "delete": _delete,
    "insert": _insert,
    "swap": _swap,
}
SEEDS = range(5)


def _history(seed: int) -> History:
    return History(seed, 10 + seed, erasure=False)


def _evidence(records: Sequence[LogRecord]) -> Evidence:
    """What the log once signed; the forger can't have more signed."""
    told = checkpoints(records, KEY)
    return Evidence(told, [KEY.vkey], lambda size, root: told[-1].note, KEY.manifest)


def _failed(report: Report) -> dict[str, int | None]:
    return {check.name: check.position for check in report.checks if not check.ok}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_event_is_named(tmp_path: Path, forgery: str, seed: int) -> None:
    records = _history(seed).records
    evidence = _evidence(records)
    expected = FORGERIES[forgery](records, random.Random(seed).randrange(len(records)))
    report = verify_archive(archive(tmp_path / "forged.zip", records, evidence), keys=[KEY.vkey])
    assert report.first is not None
    assert expected in _failed(report).values(), "\n".join(report.lines())


def test_what_moves_from_a_salt_into_the_payload_is_named(tmp_path: Path) -> None:
    """The hash over both stays the same, and JSON means the same with a space before it."""
    forged = 0
    for seed in range(20):
        records = _history(seed).records
        for at in [at for at, record in enumerate(records) if record.salt[-1:] in b" \t\n\r"]:
            old = records[at]
            event = replace(old.event, payload=old.salt[-1:] + old.event.payload)
            anew = [*records[:at], replace(old, event=event, salt=old.salt[:-1]), *records[at + 1 :]]
            report = verify_archive(
                archive(tmp_path / "forged.zip", anew, _evidence(records)), keys=[KEY.vkey]
            )
            assert _failed(report) == {"leaves": at + 1}
            forged += 1
    assert forged > 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("forgery", [name for name in FORGERIES if name not in ("commitment", "leaf_hash")])
def test_a_forger_who_makes_the_tree_anew_lacks_the_signature(
    tmp_path: Path, forgery: str, seed: int
) -> None:
    records = _history(seed).records
    evidence = _evidence(records)
    last = len(records)
    FORGERIES[forgery](records, random.Random(seed).randrange(len(records)))
    anew = [_anew(record, number) for number, record in enumerate(records, 1)]
    report = verify_archive(archive(tmp_path / "forged.zip", anew, evidence), keys=[KEY.vkey])
    failed = _failed(report)
    if forgery in ("attachment", "no attachment"):
        assert "attachments" in failed
    elif forgery == "said to be rewritten":
        assert "rewritten payloads" in failed
    else:
        assert "leaves" not in failed
        assert {"checkpoint consistency", "head"} & failed.keys(), (last, report.lines())


def _anew(record: LogRecord, position: int) -> LogRecord:
    """The record at this position with its own leaf."""
    event = replace(record.event, position=position)
    return LogRecord(
        event, record.salt, commitment(record.salt, event.payload), leaf(event, record.salt), record.rewritten
    )


def _changed(path: Path, to: Path, name: str, change: Callable[[bytes], bytes], *, digests: bool) -> Path:
    """A copy of an archive with one member changed, with the digests of the manifest made anew or not."""
    with Archive(path) as whole, ArchiveWriter(to) as writer:
        signature = whole.whole("manifest.sig").decode()
        for member in whole.members:
            data = whole.whole(member)
            writer.add(member, change(data) if member == name else data)
        if not digests:
            writer.members = whole.members
        facts = {key: value for key, value in whole.manifest.items() if key != "members"}
        writer.manifest(facts)
        writer.signature(
            change(signature.encode()).decode("latin-1") if name == "manifest.sig" else signature
        )
    return to


MEMBERS = (
    "events.ndjson",
    "leaves.bin",
    "proofs.ndjson",
    "checkpoints.ndjson",
    "keys.txt",
    "states.ndjson",
    "document",
    "manifest.sig",
)


@pytest.mark.parametrize("digests", [False, True], ids=["manifest kept", "manifest anew"])
@pytest.mark.parametrize("member", MEMBERS)
def test_any_changed_byte_of_a_member_is_named(tmp_path: Path, member: str, digests: bool) -> None:
    history = _history(4)
    process = next(record.event.process for record in history.records if record.event.attachment)
    whole = archive(tmp_path / "whole.zip", history.records, _evidence(history.records), process=process)
    with Archive(whole) as found:
        name = min(n for n in found.names() | {"manifest.sig"} if n.startswith(member))
    chance = random.Random(member)
    for number in range(12):
        change = _one_byte(chance.random(), 1 << chance.randrange(7))
        path = _changed(whole, tmp_path / f"{number}.zip", name, change, digests=digests)
        report = verify_archive(path, keys=[KEY.vkey])
        assert report.first is not None, number
        if not digests and name != "manifest.sig":
            assert report.first.name == "members"
            assert name in (report.first.failure or "")
        elif name in ("leaves.bin", "proofs.ndjson", "states.ndjson") or name.startswith("documents"):
            known = {"leaf data", "inclusion proofs", "replayed states", "document texts"}
            assert known & _failed(report).keys(), report.lines()


def _one_byte(where: float, bit: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        at = int(where * len(data))
        return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]

    return change


@pytest.mark.parametrize("scope", ["log", "process"])
def test_clean_exports_hold(tmp_path: Path, scope: str) -> None:
    for seed in range(110):
        history = History(seed, 4 + seed % 17)
        if any(record.event.type == "plan.node_added" for record in history.records) and seed % 2:
            history.erase()
        process = history.processes[seed % 2] if scope == "process" else None
        path = archive(tmp_path / "whole.zip", history.records, _evidence(history.records), process=process)
        report = verify_archive(path, keys=[KEY.vkey])
        assert report.first is None, (seed, report.lines())


def test_another_key_does_not_count(tmp_path: Path) -> None:
    """Somebody with a key of their own can sign a forged log; whoever says which key they know sees it."""
    mallory = LogKey(seed=9)
    records = _history(1).records
    evidence = replace(mallory.evidence(checkpoints(records, mallory)))
    path = archive(tmp_path / "forged.zip", records, evidence)
    assert verify_archive(path).first is None
    assert mallory.vkey in verify_archive(path).trusted
    report = verify_archive(path, keys=[KEY.vkey])
    assert {"manifest signature", "checkpoint signatures", "head"} <= _failed(report).keys()
