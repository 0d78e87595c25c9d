"""A process with a legal ground keeps what an erased person wrote in it, and nothing else does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from app.privacy import erasure_list, keeping
from app.privacy.erasure import erase, erase_again
from app.privacy.requests import ErasureRequests
from app.system import System
from domain.catalogue import EVENTS
from domain.person import Person
from domain.ports import EventFilter
from domain.process import EXEMPTIONS
from tests.app.api.conftest import Somebody
from tests.app.api.test_versions import Typist

SAID, REASON = "What Ana said.", "because of Zebedee"


@dataclass
class Place:
    """A process of Bruno's with a document in which Ana wrote and named a version."""

    process: str
    document: str
    bruno: Somebody

    @classmethod
    async def of(cls, ana: Somebody, bruno: Somebody, system: System) -> Place:
        process = await bruno.a_process()
        await bruno.let_in(ana, process, "view", "edit")
        document = (await bruno.a_document((await bruno.a_task(process))[-1]))["document"]
        typist = Typist(ana, system, document)
        typist.text.insert(0, SAID)
        await typist.sync(seal=False)
        await ana.post(f"/api/v1/documents/{document}/versions", {"name": "One", "reason": REASON})
        await system.views.wait_all(await system.log.head())
        return cls(process, document, bruno)

    async def keep(self, ground: str | None, *, status: int | None = None) -> None:
        await self.bruno.patch(f"/api/v1/processes/{self.process}/keeping", {"ground": ground}, status=status)

    async def tells(self, text: str, reason: str) -> None:
        """Wait until this is what Ana said, and her reason: open rooms follow the log."""
        deadline = time.monotonic() + 60
        while (found := await self._told()) != (text, reason):
            assert time.monotonic() < deadline, found

    async def _told(self) -> tuple[str, str]:
        document = f"/api/v1/documents/{self.document}"
        text = (await self.bruno.client.get(f"{document}/content", params={"format": "text"})).text
        [version] = (await self.bruno.get(f"{document}/versions"))["items"]
        return text, version["reason"]


async def places(ana: Somebody, bruno: Somebody, system: System) -> list[Place]:
    """One that keeps, one that does not."""
    found = [await Place.of(ana, bruno, system) for _ in range(2)]
    await found[0].keep("legal_claims")
    return found


async def erased(system: System, person: UUID) -> list[Person.Erased]:
    events = await system.log.read(where=EventFilter(types=("person.erased",), stream=person))
    return [event for each in events if isinstance(event := EVENTS.decode(each), Person.Erased)]


async def test_text_stays_where_a_ground_was_given_and_goes_elsewhere(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    keeps, does_not = await places(ana, bruno, system)
    shown = await ana.get("/api/v1/me/erasure/kept")
    assert [(each["process"], each["ground"]) for each in shown["items"]] == [(keeps.process, "legal_claims")]
    done = await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert done.kept == [UUID(keeps.document)]
    await does_not.tells("", "")
    await keeps.tells(SAID, REASON)
    assert await system.people.names([ana.person]) == {}
    assert [str(id) for id in (await erased(system, ana.person))[0].documents] == [does_not.document]
    assert [line.kept for line in erasure_list.listed(system.settings.data_dir)] == [done.kept]


async def test_what_was_kept_goes_when_the_ground_is_gone(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    keeps, does_not = await places(ana, bruno, system)
    first = await erase(system, ana.person, basis="objection", text="redact", by=None)
    await keeps.keep(None)
    second = await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert (second.kept, first.id == second.id) == ([], False)
    await keeps.tells("", "")
    await does_not.tells("", "")
    again = await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert again.id == second.id
    assert len(await erased(system, ana.person)) == 2


async def test_after_a_restore_the_same_is_kept_whatever_the_backup_knows(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    keeps, does_not = [await Place.of(ana, bruno, system) for _ in range(2)]
    line = await ErasureRequests(system.pool).ask(  # as it was listed before the backup was brought back
        ana.person,
        basis="objection",
        text="redact",
        by=None,
        delay=timedelta(days=1),
        kept=[UUID(keeps.document)],
    )
    erasure_list.add(system.settings.data_dir, line)
    await ErasureRequests(system.pool).call_back(ana.person)
    assert await erase_again(system) == 1
    await does_not.tells("", "")
    await keeps.tells(SAID, REASON)
    assert await erase_again(system) == 0


@pytest.mark.parametrize("ground", EXEMPTIONS[:2])
async def test_administrators_decide(system: System, ana: Somebody, bruno: Somebody, ground: str) -> None:
    place = await Place.of(ana, bruno, system)
    await place.keep(ground)
    await place.keep(ground)
    path = f"/api/v1/processes/{place.process}/keeping"
    await ana.patch(path, {"ground": None}, status=403)
    await bruno.patch(path, {"ground": "because"}, status=422)
    found = await keeping.kept_of(system, ana.person)
    assert [(str(each.process), each.ground) for each in found] == [(place.process, ground)]
    events = await system.log.read(where=EventFilter(types=("process.keeping_decided",)))
    assert [EVENTS.payload(event) for event in events] == [{"ground": ground}]
