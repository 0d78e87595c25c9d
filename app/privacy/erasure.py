"""Forgetting a person: everything that says who they are, and, if wished, what they wrote.

Each step can be repeated, and stops in the middle of one are harmless: sign-ins end first, so that
nothing new is written; what is to take the place of payloads is staged; then one append of
`person.erased` replaces payloads and deletes rows in its own transaction. What is begun and not
finished is found again by `carry_out`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import structlog
from eventsourcing.domain import AggregateEvent

from app.database.failures import unavailable_when_away
from app.documents import redaction
from app.documents.postgres import NOT_SET_ASIDE
from app.documents.redaction import Staged
from app.live import SIGN_INS_EVERY
from app.privacy import erasure_list, keeping, rewriting, words
from app.privacy.requests import Erasure, ErasureRequests
from app.privacy.rows import END_SIGN_INS, delete_owned
from app.privacy.sweeping import sweep
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Conflict, DomainError, NotFound, Unavailable
from domain.person import Person
from domain.ports import Context, EventFilter

log = structlog.get_logger(__name__)

EVERY = 10.0  # seconds between looks for requests that are due
ROUNDS = 5
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 7035991))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended($1, 7035991))"
_LATE = f"""
SELECT EXISTS (
    SELECT FROM document_updates
    WHERE person_id = $1 AND document_id <> ALL ($3::uuid[]) AND {NOT_SET_ASIDE}
) OR EXISTS (
    SELECT FROM events
    WHERE position > $2 AND actor = $1 AND type = 'document.edited' AND stream <> ALL ($3::uuid[])
)
"""


async def erase(
    system: System,
    person: UUID,
    *,
    basis: str,
    text: str,
    by: UUID | None,
    kept: list[UUID] | None = None,
) -> Erasure:
    """Erase somebody now. A second call finds it done, or does what is left.

    `basis` is one of domain.person.BASES, `text` one of FATES; `kept` are the documents in which text stays
    (None: those whose process has a legal ground for it). Raises Invalid, NotFound (nobody has this
    id), Conflict (another process is at it), Unavailable.
    """
    await system.repository.load(Person, person)
    requests = ErasureRequests(system.pool)
    erasure = await requests.ask(person, basis=basis, text=text, by=by, delay=timedelta(), kept=kept)
    return erasure if erasure.finished_at is not None else await perform(system, erasure)


async def perform(system: System, erasure: Erasure) -> Erasure:
    """Carry a request out to its end; returns it as it was carried out.

    Raises Conflict, NotFound (called back), Unavailable.
    """
    requests = ErasureRequests(system.pool)
    async with _alone(system, erasure.person):
        erasure = await requests.begin(erasure.id, await keeping.documents(system, erasure))
        await asyncio.to_thread(erasure_list.add, system.settings.data_dir, erasure)
        await _end_sign_ins(system, erasure.person)
        for number in range(ROUNDS):
            position = await _round(system, erasure, _command(erasure.id, number))
            if not await _is_late(system, erasure, position):
                break
        else:
            raise Unavailable("the person still writes; their erasure goes on later")
        await requests.finish(erasure.id)
        await sweep(system.pool)
        log.info("person_erased", erasure=str(erasure.id), position=position)
        return erasure


async def carry_out(system: System) -> None:
    """Carry out what is due, for ever."""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await carry_out_due(system)
        except Exception as error:
            log.warning("erasures_wait", error=type(error).__name__)


async def follow(system: System) -> None:
    """Take redacted text out of this node's memory when somebody was erased, on whatever node, for ever."""
    where, after = EventFilter(types=(Person.Erased.TOPIC,)), await system.log.head()
    while True:
        try:
            async for events in system.log.follow(after, where=where):
                for event in events:
                    documents = [UUID(document) for document in EVENTS.payload(event)["documents"]]
                    await redaction.replaced(system, documents)
                    after = event.position
        except Exception as error:
            log.warning("erasures_not_followed", error=type(error).__name__)
            await asyncio.sleep(0.5)


async def carry_out_due(system: System) -> None:
    """Carry out what is due now, and note in this node's list what other nodes carried out."""
    requests = ErasureRequests(system.pool)
    for erasure in await requests.due():
        try:
            await perform(system, erasure)
        except DomainError as error:
            log.warning("erasure_waits", erasure=str(erasure.id), reason=error.code)
    for erasure in await requests.begun():
        await asyncio.to_thread(erasure_list.add, system.settings.data_dir, erasure)


async def erase_again(system: System) -> int:
    """Erase everybody in the list whom a restored backup brought back; returns how many those were."""
    again = 0
    for line in await asyncio.to_thread(erasure_list.listed, system.settings.data_dir):
        known = await system.log.result_of(_command(line.erasure, 0))
        with suppress(NotFound):  # the backup is older than the person
            await erase(system, line.person, basis=line.basis, text=line.text, by=None, kept=line.kept)
            again += known is None
    return again


@asynccontextmanager
async def _alone(system: System, person: UUID) -> AsyncIterator[None]:
    """Nobody else erases this person during the block; raises Conflict if somebody does."""
    with unavailable_when_away():
        connection = await system.pool.acquire()
    try:
        with unavailable_when_away():
            mine = await connection.fetchval(_LOCK, str(person))
        if not mine:
            raise Conflict("another process erases this person", code="erasure_begun")
        try:
            yield
        finally:
            if not connection.is_closed():
                await connection.fetchval(_UNLOCK, str(person))
    finally:
        await system.pool.release(connection)


async def _end_sign_ins(system: System, person: UUID) -> None:
    """End sessions and tokens, and wait until open documents are closed here and on other nodes."""
    ended: list[UUID] = []
    with unavailable_when_away():
        for statement in END_SIGN_INS:
            ended += [row["id"] for row in await system.pool.fetch(statement, person)]
    for credential in ended:
        system.hub.sign_out(credential)
    if ended:
        await asyncio.sleep(2 * SIGN_INS_EVERY)  # other nodes look once in each such time
    await system.views.wait_all(await system.log.head())


async def _round(system: System, erasure: Erasure, command: UUID) -> int:
    """Stage and append once; returns the position of the event. Done before: its position then."""
    known = await system.log.result_of(command)
    if known is not None:
        return known.last
    staged = await _stage(system, erasure, command)
    documents = staged.documents if staged else ()
    replaced = await rewriting.replaced(system.pool, command)
    person = await system.repository.load(Person, erasure.person)
    person.erase(basis=erasure.basis, text=erasure.text, documents=documents, replaced=replaced)
    [event] = person.collect_events()

    async def alongside(connection: Any) -> None:
        await words.forget(connection, erasure)
        if staged is not None:
            await redaction.apply(connection, staged)
        await rewriting.put_in_place(connection, command, replaced)
        await delete_owned(connection, erasure.person)

    context = Context(actor=erasure.asked_by, command_id=command)
    stored = await system.log.append(
        [EVENTS.encode(cast(AggregateEvent, event))], context, alongside=alongside
    )
    return stored.last


async def _stage(system: System, erasure: Erasure, command: UUID) -> Staged | None:
    """Put down what takes the place of payloads; None if the person's words stay."""
    await rewriting.begin(system.pool, command)
    if erasure.text != "redact":
        return None
    blanks = [blank async for blank in words.blanked(system.log, erasure)]
    await rewriting.stage(system.pool, command, blanks)
    with unavailable_when_away():
        return await redaction.stage(system, erasure.person, command, kept=erasure.kept or ())


def _command(erasure: UUID, number: int) -> UUID:
    """The command id of a round of an erasure, and the name of what is staged for it."""
    return uuid5(erasure, str(number))


async def _is_late(system: System, erasure: Erasure, position: int) -> bool:
    """Whether something was written by a connection that ended after the text was staged."""
    if erasure.text != "redact":
        return False
    with unavailable_when_away():
        late: bool = await system.pool.fetchval(_LATE, erasure.person, position, erasure.kept or [])
    return late
