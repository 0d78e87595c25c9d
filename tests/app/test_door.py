"""The door of `/live`: what may be shown in a message, and what it is worth. Real sockets, store and log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_to

from app.background import background
from app.database.postgres import Pool
from app.live import watch_rights, watch_sign_ins
from app.system import System
from realtime import protocol
from realtime.hocuspocus import protocol as hocuspocus
from realtime.limits import Limits
from tests.builders import a_person
from tests.interop.live_server import Place, live_system, place, served
from tests.realtime.lines import auth, to, typed

READ_WRITE = hocuspocus.authenticated(True)
READ_ONLY = hocuspocus.authenticated(False)
DENIED = hocuspocus.denied("permission-denied")

connect = partial(connect_to, open_timeout=60, ping_interval=None)


@pytest.fixture
async def system(pool: Pool) -> AsyncIterator[System]:
    async with (
        live_system(pool, Limits(close_timeout=0.5)) as system,
        background(watch_rights(system)),
        background(watch_sign_ins(system)),
    ):
        yield system


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
async def url(system: System, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async with served(system, direct=request.param) as url:
        yield url


@pytest.fixture
async def spot(system: System) -> Place:
    return await place(system)


async def heard(connection: ClientConnection) -> bytes:
    frame = await connection.recv()
    assert isinstance(frame, bytes)
    return frame


async def answer(url: str, name: str, token: str, **options: Any) -> bytes:
    """What is said to who shows this."""
    async with connect(url, **options) as connection:
        await connection.send(auth(name, token))
        return (await heard(connection)).removeprefix(hocuspocus.address(name))


async def test_tickets_and_access_tokens(system: System, url: str, spot: Place) -> None:
    document, other = str(spot.document), await place(system)
    ticket, _ = system.sign_in.ticket(spot.owner, spot.document)

    async def token(*scopes: str) -> str:
        return (await system.sign_in.create_token(spot.owner, name="t", scopes=scopes, expires=None))[1]

    assert await answer(url, document, ticket) == READ_WRITE
    assert await answer(url, document + "\0session", ticket) == READ_WRITE
    to_see, _ = system.sign_in.ticket(spot.owner, spot.document, may_write=False)
    assert await answer(url, document, to_see) == READ_ONLY
    assert await answer(url, str(other.document), ticket) == DENIED
    assert await answer(url, document, await token("live", "write")) == READ_WRITE
    assert await answer(url, document, await token("live")) == READ_ONLY
    assert await answer(url, document, await token("read", "write")) == DENIED
    for wrong in ("", "cookie", "nonsense", "x" * 120):
        assert await answer(url, document, wrong) == DENIED
    header = {"Authorization": f"Bearer {await token('live')}"}
    assert await answer(url, document, "", additional_headers=header) == READ_ONLY


@pytest.mark.parametrize("name", ["", "d", "../x", "00000000-0000-0000-0000-00000000000g", "\0", "ā" * 200])
async def test_names_that_are_no_documents(system: System, url: str, spot: Place, name: str) -> None:
    ticket, _ = system.sign_in.ticket(spot.owner, spot.document)
    assert await answer(url, name, ticket) == DENIED


async def test_unknown_documents_and_strangers_see_the_same(system: System, url: str, spot: Place) -> None:
    stranger = await a_person(system)
    for document in (spot.document, uuid4()):
        ticket, _ = system.sign_in.ticket(stranger, document)
        assert await answer(url, str(document), ticket) == DENIED


async def test_a_cookie_counts_from_our_own_pages_only(system: System, url: str, spot: Place) -> None:
    cookie, _ = await system.sign_in.open_session(spot.owner)
    headers = {"Cookie": f"interlink_session={cookie}"}
    document = str(spot.document)
    own = url.replace("ws://", "http://").removesuffix("/live")
    for token in ("", "cookie"):
        assert await answer(url, document, token, additional_headers=headers, origin=own) == READ_WRITE
    elsewhere = {"additional_headers": headers, "origin": "https://elsewhere.example"}
    assert await answer(url, document, "cookie", **elsewhere) == DENIED
    assert await answer(url, document, "wrong", additional_headers=headers, origin=own) == DENIED
    ticket, _ = system.sign_in.ticket(spot.owner, spot.document)
    assert await answer(url, document, ticket, **elsewhere) == READ_WRITE, "a ticket is shown on purpose"


async def test_signing_out_ends_the_stay(system: System, url: str, spot: Place) -> None:
    cookie, session = await system.sign_in.open_session(spot.owner)
    ticket, _ = system.sign_in.ticket(spot.owner, spot.document, credential=session.session)
    id, token = await system.sign_in.create_token(
        spot.owner, name="t", scopes=["live", "write"], expires=None
    )
    document = str(spot.document)
    headers = {"Cookie": f"interlink_session={cookie}"}
    async with (
        connect(url, additional_headers=headers) as by_cookie,
        connect(url) as by_token,
        connect(url) as by_ticket,
        connect(f"{url}/{document}?token={token}") as by_query,
    ):
        await by_cookie.send(auth(document, "cookie"))
        await by_token.send(auth(document, token))
        await by_ticket.send(auth(document, ticket))
        for connection in (by_cookie, by_token, by_ticket):
            assert await heard(connection) == to(document, READ_WRITE)
        await by_query.send(protocol.step1(b"\x00"))
        await heard(by_query)
        await system.sign_in.close_session(cookie)
        for connection in (by_cookie, by_ticket):
            assert await heard(connection) == to(document, hocuspocus.closed("sign in again"))
        await by_token.send(to(document, typed("still there")))
        while await heard(by_token) != to(document, b"\x08\x01"):
            pass
        await system.sign_in.revoke_token(spot.owner, id)
        assert await heard(by_token) == to(document, hocuspocus.closed("sign in again"))
        await by_query.wait_closed()
        assert by_query.close_code == 4401


async def test_an_access_token_expires(system: System, url: str, spot: Place) -> None:
    document = str(spot.document)
    for lasts in (0.5, 5, 50):  # seconds; on a busy machine the first may be over before it is shown
        soon = datetime.now(UTC) + timedelta(seconds=lasts)
        _, token = await system.sign_in.create_token(spot.owner, name="t", scopes=["live"], expires=soon)
        async with connect(f"{url}/{document}?token={token}") as by_query, connect(url) as connection:
            await connection.send(auth(document, token))
            frames = [await heard(connection)]
            if datetime.now(UTC) >= soon:
                continue
            frames += [await heard(connection) for _ in range(2)]
            assert frames == [
                to(document, message)
                for message in (READ_ONLY, hocuspocus.ask_for_token(), hocuspocus.closed("sign in again"))
            ]
            await by_query.wait_closed()
            assert by_query.close_code == 4401
            return
    raise AssertionError("none was shown in time")


async def test_text_is_none_of_this_protocol(system: System, url: str) -> None:
    async with connect(url) as connection:
        await connection.send("text")
        await connection.wait_closed()
        assert connection.close_code == 4400
