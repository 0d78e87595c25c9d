"""Verifies the log in the database: the same checks as on an export, and that its head is its end."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.x509 import Certificate

from app.audit.archive import NotAnArchive
from app.audit.checks import Check
from app.audit.export import SignedCheckpoint, still
from app.audit.rebuilding import Rebuilding
from app.audit.records import read_records
from app.audit.timestamps import Stamp, check_stamps
from app.audit.verify import Report, record_checks
from app.audit.vouching import Vouching
from app.database.postgres import Pool
from app.eventlog.merkle import Frontier, leaf_hash

_HEAD = "SELECT position, recorded_at, frontier FROM log_head"
_LAST = "SELECT coalesce(max(position), 0) FROM events"
_TIME = "SELECT max(recorded_at) FROM events"


async def verify_log(
    pool: Pool,
    checkpoints: Sequence[SignedCheckpoint],
    keys: Sequence[str],
    *,
    witnesses: Sequence[str] = (),
    stamps: Sequence[Stamp] = (),
    authorities: Sequence[Certificate] = (),
) -> Report:
    """Every check on the log as it is now; raises Unavailable, and Invalid for a key that is none.

    `checkpoints` are those it gave out, sizes ascending, `stamps` time stamps on them; `keys` the verifier
    keys to trust; `witnesses` those of whom must have cosigned; `authorities` roots of time stamps.
    """
    vouching = Vouching(keys, witnesses)
    async with still(pool) as log:
        report = await verify_still(log, checkpoints, vouching)
        size = await log.fetchval(_LAST)
    if stamps:
        report.checks.append(check_stamps(stamps, vouching.texts, size, roots=authorities))
    return report


async def verify_still(log: Pool, checkpoints: Sequence[SignedCheckpoint], vouching: Vouching) -> Report:
    """The same, but for time stamps, on a log that does not change meanwhile."""
    report = Report(trusted=vouching.told(own=False))
    checks, tree, replayed = record_checks(None), Frontier(), Rebuilding()
    roots, wanted = {}, {found.size for found in checkpoints}
    through: int = await log.fetchval(_LAST)
    async for page in read_records(log, through=through):
        for record in page:
            for check in checks:
                check.feed(record)
            tree.append(leaf_hash(record.header + record.commitment))
            if tree.size in wanted:
                roots[tree.size] = tree.root()
            replayed.feed(record.event)
    vouching.roots = roots
    report.checks = [result for check in checks for result in check.results()]
    report.checks += [
        await _head(log, tree),
        *_checkpoints(checkpoints, vouching, tree.size),
        *vouching.witnesses(tree.size, await log.fetchval(_TIME)),
        _replay(replayed, tree.size),
    ]
    return report


async def _head(log: Pool, tree: Frontier) -> Check:
    """That the head row is of the last event, and its frontier of the tree over all events."""
    check = Check("head", seen=1)
    head, last, at = await log.fetchrow(_HEAD), await log.fetchval(_LAST), await log.fetchval(_TIME)
    if head is None:
        check.fail("the log has no head")
    elif head["position"] != last:
        check.fail(f"it says {head['position']}, the last event is {last}", last + 1)
    elif head["frontier"] != bytes(tree):
        check.fail("its tree is not that of the events", head["position"])
    elif at is not None and head["recorded_at"] != at:
        check.fail("its time is not that of the last event", head["position"])
    return check


def _checkpoints(told: Sequence[SignedCheckpoint], vouching: Vouching, size: int) -> list[Check]:
    """That every checkpoint given out is signed, and of this log."""
    signed, consistent = Check("checkpoint signatures"), Check("checkpoint consistency")
    for found in told:
        signed.seen += 1
        consistent.seen += 1
        try:
            checkpoint = vouching.checkpoint(found.note.encode())
        except NotAnArchive as error:
            signed.fail(str(error), found.size)
            continue
        if checkpoint.size != found.size:
            signed.fail("the note is of another size", found.size)
        elif checkpoint.size > size:
            consistent.fail(f"the log was longer once: {size} events are there", checkpoint.size)
        elif vouching.contradicts(checkpoint):
            consistent.fail("its root is not that of the events", checkpoint.size)
    if size and not told:
        signed.fail("nobody signed any of these events: only the database itself vouches for them")
    newest = told[-1].size if told else 0
    signed.note = f"(up to {newest:,} of {size:,} events)"
    return [signed, consistent]


def _replay(replayed: Rebuilding, size: int) -> Check:
    """That every stream can be replayed."""
    check = Check("replay", seen=size)
    if replayed.stopped is not None:
        check.fail("the event can't be applied to what was before", replayed.stopped)
    elif replayed.unreadable:
        check.fail("the burst can't be read", replayed.unreadable[0])
    return check
