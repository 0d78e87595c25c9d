"""Verifies an archive with nothing but itself, or the log in the database. Every check has one line.

What is checked first is what the rest leans on: the archive's members, then the events by
themselves, then what vouches for them. The first finding in that order is the one to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.x509 import Certificate

from app.audit import export, leafdata
from app.audit.archive import Archive, NotAnArchive, strict_json
from app.audit.archive_writing import SIGNATURE
from app.audit.checks import Attachments, Check, Known, Leaves, Order, Payloads, RecordCheck
from app.audit.facts import read_facts
from app.audit.lines import base64_of, bytes_of, read_line
from app.audit.note import Checkpoint
from app.audit.proof import verify_consistency, verify_inclusion
from app.audit.provenance import Told
from app.audit.read_models import ModelsTold
from app.audit.rebuilding import Rebuilding
from app.audit.records import LogRecord
from app.audit.timestamps import Stamp, check_stamps
from app.audit.vouching import Vouching
from app.eventlog.merkle import EMPTY_ROOT

_ALWAYS = (export.EVENTS, export.LEAVES, export.CHECKPOINTS, export.KEYS, export.STATES, export.READ_MODELS)

_OF_A_PROCESS = (export.PROOFS, export.PROVENANCE)


@dataclass
class Report:
    """All checks in their order. `trusted` says which key signatures were checked with."""

    checks: list[Check] = field(default_factory=list)
    trusted: str = ""

    @property
    def first(self) -> Check | None:
        """The first check that does not hold."""
        return next((check for check in self.checks if not check.ok), None)

    def lines(self) -> list[str]:
        """One line for each check, then whom the verdict trusts."""
        return [*map(str, self.checks), self.trusted]


def record_checks(process: UUID | None) -> list[RecordCheck]:
    """The checks over records, in the order in which they are reported."""
    return [Order(process), Leaves(), Payloads(), Attachments(), Known()]


def verify_archive(
    path: Path,
    *,
    keys: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    authorities: Sequence[Certificate] = (),
) -> Report:
    """Every check on an archive. `keys` are the verifier keys to trust; else those in the archive.

    `witnesses` are the verifier keys of those who must have cosigned, `authorities` roots that time
    stamps must lead to (without any, who made a stamp is not checked). NotAnArchive if the file is
    none, and Invalid for a key that is none.
    """
    with Archive(path) as archive:
        vouching = Vouching(keys or _lines(archive, export.KEYS), witnesses)
        report = _Verification(archive, vouching, authorities).run()
        report.trusted = vouching.told(own=not keys)
        return report


class _Verification:
    """One archive being verified."""

    def __init__(self, archive: Archive, vouching: Vouching, authorities: Sequence[Certificate]) -> None:
        self._archive = archive
        self._facts = read_facts(archive.manifest)
        self._vouching = vouching
        self._authorities = authorities
        self._report = Report()
        self._rebuilding = Rebuilding()
        self._leaf_hashes: list[tuple[int, bytes]] = []
        self._last_at: datetime | None = None

    def run(self) -> Report:
        """All checks. A damaged member ends the check that reads it, and what leans on it."""
        for part in (
            self._members,
            self._manifest,
            self._events,
            self._proven,
            self._checkpoints,
            self._time_stamps,
            self._replay,
        ):
            part()
        return self._report

    def _check(self, name: str) -> Check:
        check = Check(name)
        self._report.checks.append(check)
        return check

    def _members(self) -> None:
        """That everything the manifest names is there, as it was, and nothing else."""
        check = self._check("members")
        named = self._archive.members
        always = {*_ALWAYS, *(_OF_A_PROCESS if self._facts.process else ())}
        for name in sorted(self._archive.names() | named.keys() | always):
            check.seen += 1
            if name not in named:
                check.fail(f"{name} is not in the manifest")
            elif name not in self._archive:
                check.fail(f"{name} is missing")
            else:
                with _Noted(check):
                    size, digest = self._archive.digest(name)
                    if named[name] != {"size": size, "sha256": digest}:
                        check.fail(f"{name} is not what the manifest says")

    def _manifest(self) -> None:
        """That the log's key signed this manifest, and it is written as an export writes it."""
        check = self._check("manifest signature")
        with _Noted(check):
            note = self._archive.whole(SIGNATURE)
            self._vouching.manifest(note, self._archive.manifest_bytes)
            check.seen = 1

    def _events(self) -> None:
        """One pass over the events, for all checks on records, and their leaf data beside them."""
        read, leaves = Check("events"), Check("leaf data")
        checks = record_checks(self._facts.process)
        checks.append(ModelsTold(self._facts.process, lambda: self._archive.lines(export.READ_MODELS)))
        if self._facts.process is not None:
            checks.append(Told(self._facts.process, lambda: self._archive.open(export.PROVENANCE)))
        position = 0
        with _Noted(read) as noted:
            beside = leafdata.leaves(self._archive.open(export.LEAVES))
            for line in self._archive.lines(export.EVENTS):
                noted.after = position
                record = read_line(line)
                position = record.event.position
                read.seen += 1
                self._record(record, checks)
                leaves.seen += 1
                with _Noted(leaves, position):
                    if next(beside, None) != record.header + record.commitment:
                        leaves.fail("these are not the bytes under the leaf of this event", position)
            with _Noted(leaves, position + 1):
                if next(beside, None) is not None:
                    leaves.fail("there are more leaves than events", position + 1)
        self._count(read, position)
        found = [result for check in checks for result in check.results()]
        self._report.checks += [read, *found[:3], leaves, *found[3:]]

    def _record(self, record: LogRecord, checks: Iterable[RecordCheck]) -> None:
        for check in checks:
            check.feed(record)
        self._leaf_hashes.append((record.event.position, record.leaf_hash))
        self._last_at = record.event.recorded_at
        if self._facts.process is None or record.event.process == self._facts.process:
            self._rebuilding.feed(record.event)

    def _count(self, read: Check, last: int) -> None:
        facts, first = self._facts, self._leaf_hashes[0][0] if self._leaf_hashes else 0
        if (read.seen, first, last) != (facts.events, facts.first, facts.last):
            told = f"{facts.events:,} events from {facts.first} to {facts.last}"
            read.fail(f"the manifest tells of {told}; there are {read.seen:,} from {first} to {last}", last)
        if facts.process is None and facts.size != last:
            read.fail(f"the tree is said to have {facts.size} leaves, the last event is {last}", last)

    def _proven(self) -> None:
        """That the events make the root: all of them together, or each by its path."""
        if self._facts.process is not None:
            self._paths()
            return
        check = self._check("root")
        with _Noted(check):
            tree, self._vouching.roots = leafdata.roots(
                self._archive.open(export.LEAVES), self._vouching.sizes(self._checkpoint_lines())
            )
            check.seen = tree.size
            if (tree.size, tree.root()) != (self._facts.size, self._facts.root):
                check.fail(f"the leaves make another tree: {base64_of(tree.root())}", tree.size)

    def _paths(self) -> None:
        check = self._check("inclusion proofs")
        facts = self._facts
        with _Noted(check):
            lines = self._archive.lines(export.PROOFS)
            for position, leaf in self._leaf_hashes:
                check.seen += 1
                with _Noted(check, position):
                    found = strict_json(next(lines, b""))
                    path = [bytes_of(part) for part in found["path"]]
                    good = verify_inclusion(leaf, position - 1, facts.size, path, facts.root)
                    if not good or found["position"] != position:
                        check.fail("the path does not lead from this event to the root", position)
            if next(lines, None) is not None:
                check.fail("there are more proofs than events")

    def _checkpoint_lines(self) -> Iterator[dict[str, Any]]:
        for line in self._archive.lines(export.CHECKPOINTS):
            yield strict_json(line)

    def _checkpoints(self) -> None:
        """That signed checkpoints vouch for the root, and each continues the one before it."""
        signed, consistent, head = map(
            self._check, ("checkpoint signatures", "checkpoint consistency", "head")
        )
        before = Checkpoint("", 0, EMPTY_ROOT)
        with _Noted(signed):
            for found in self._checkpoint_lines():
                before = self._checkpoint(found, before, signed, consistent)
        head.seen = 1
        if (before.size, before.root) != (self._facts.size, self._facts.root):
            head.fail(f"the newest signed checkpoint ({before.size}) is not of this root", self._facts.size)
        self._report.checks += self._vouching.witnesses(self._facts.size, self._last_at)

    def _time_stamps(self) -> None:
        """That time stamps are of these checkpoints, and by whom they should be."""
        if export.TIME_STAMPS not in self._archive:
            return
        check = Check("time stamps")
        with _Noted(check):
            lines = map(strict_json, self._archive.lines(export.TIME_STAMPS))
            stamps = [Stamp(int(found["size"]), bytes_of(found["response"])) for found in lines]
            check = check_stamps(stamps, self._vouching.texts, self._facts.size, roots=self._authorities)
        self._report.checks.append(check)

    def _checkpoint(
        self, found: dict[str, Any], before: Checkpoint, signed: Check, consistent: Check
    ) -> Checkpoint:
        """Check one checkpoint against the one before it; returns what the next has to continue."""
        told = None
        with _Noted(signed, _size(found)):
            told = self._vouching.checkpoint(found["note"].encode())
            signed.seen += 1
            if told.size != found["size"]:
                signed.fail("the note is of another size", _size(found))
        if told is None:
            return before
        with _Noted(consistent, told.size):
            consistent.seen += 1
            path = [bytes_of(part) for part in found["path"]]
            if not verify_consistency(before.size, told.size, before.root, told.root, path):
                consistent.fail(f"it does not continue the checkpoint of {before.size}", told.size)
            if self._vouching.contradicts(told):
                consistent.fail("its root is not that of the events", told.size)
        return told

    def _replay(self) -> None:
        """That replaying the events gives the states and texts in the archive."""
        states, documents = self._check("replayed states"), self._check("document texts")
        with _Noted(states):
            told = self._archive.lines(export.STATES)
            for state in self._rebuilding.states():
                states.seen += 1
                if next(told, None) != state:
                    states.fail(f"{state[:200].decode(errors='replace')} is not what the archive says")
            if next(told, None) is not None:
                states.fail("the archive has more states than the events give")
            if self._rebuilding.stopped is not None:
                states.fail("the event can't be applied to what was before", self._rebuilding.stopped)
        expected = set()
        with _Noted(documents):
            for name, text in self._rebuilding.documents():
                documents.seen += 1
                expected.add(name)
                if name not in self._archive or self._archive.digest(name)[1] != sha256(text).hexdigest():
                    documents.fail(f"{name} is not the text that the events give")
            if extra := {name for name in self._archive.names() if name.startswith("documents/")} - expected:
                documents.fail(f"no event tells of {min(extra)}")
        for position in self._rebuilding.unreadable[:1]:
            documents.fail("the burst can't be read", position)
        if documents.seen != self._facts.documents:
            documents.fail(f"the manifest tells of {self._facts.documents} documents")


_UNREADABLE = (NotAnArchive, LookupError, TypeError, ValueError, AttributeError, RecursionError)


class _Noted:
    """What can't be read is a finding of this check, and not the end of the verification."""

    def __init__(self, check: Check, position: int | None = None) -> None:
        self._check = check
        self._position = position
        self.after: int | None = None

    def __enter__(self) -> _Noted:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, _UNREADABLE):
            return False
        why = str(error) if isinstance(error, NotAnArchive) else f"{type(error).__name__} while reading it"
        self._check.fail(why, self._position if self.after is None else self.after + 1)
        return True


def _size(found: dict[str, Any]) -> int | None:
    return found["size"] if type(found.get("size")) is int else None


def _lines(archive: Archive, name: str) -> list[str]:
    return [line.decode(errors="replace") for line in archive.lines(name)] if name in archive else []
