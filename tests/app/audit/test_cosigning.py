"""The log's heads are cosigned by a witness that the operator named, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette

from app import http
from app.api import witness as api
from app.audit import cosigning as module
from app.audit import note
from app.audit.checkpoints import Checkpoints
from app.audit.cosigning import Cosigning
from app.audit.keys import log_signer, witness_signer
from app.audit.witness_settings import WitnessAddress, parse_witnesses
from app.settings import Settings
from app.system import System
from tests.builders import a_person

URL = "https://sister.example/audit/witness"
Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def settings(**values: str) -> Settings:
    return Settings.model_validate(values)


@pytest.fixture(autouse=True)
def a_witness_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, what answers does so in time."""
    monkeypatch.setattr(module, "WITHIN", 60.0)


@pytest.fixture
def ours(system: System) -> System:
    """The installation whose log is to be cosigned."""
    return replace(system, settings=settings(secret_key="ours", public_url="https://ours.example"))


@pytest.fixture
def sister(system: System, ours: System) -> System:
    """One that witnesses it; that it has the same database makes no difference."""
    logs = log_signer(ours.settings).verifier.vkey
    values = {"secret_key": "sister", "public_url": "https://sister.example", "witness_logs": logs}
    return replace(system, settings=settings(**values))


@pytest.fixture
def witness(sister: System) -> WitnessAddress:
    """As the operator of ours names it."""
    return parse_witnesses(f"{witness_signer(sister.settings).verifier.vkey} {URL}/")[0]


@pytest.fixture
async def client(sister: System) -> AsyncIterator[httpx.AsyncClient]:
    """What reaches the sister."""
    app = Starlette(routes=api.routes, middleware=http.middleware, exception_handlers=http.exception_handlers)
    app.state.system = sister
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        yield client


def saying(answer: Handler) -> httpx.AsyncClient:
    """What reaches somebody else."""

    async def streamed(request: httpx.Request) -> httpx.Response:
        said = await answer(request)
        return httpx.Response(said.status_code, headers=said.headers, stream=httpx.ByteStream(said.content))

    return httpx.AsyncClient(transport=httpx.MockTransport(streamed))


async def state(system: System) -> Any:
    return await system.pool.fetchrow("SELECT * FROM witnesses")


async def grown(system: System) -> int:
    """The log after another event, signed."""
    await a_person(system)
    return await Checkpoints.of(system).sign_head()


def cosigners(text: str, witness: WitnessAddress) -> list[Any]:
    return [when for found, when in note.verify(note.parse(text.encode()), [witness.verifier])]


async def test_each_new_head_is_cosigned(
    ours: System, witness: WitnessAddress, client: httpx.AsyncClient
) -> None:
    cosigning = Cosigning(ours, witness, client, every=0)
    assert await cosigning.ask_if_due() == 0, "there is nothing yet"
    for _ in range(3):
        size = await grown(ours)
        assert await cosigning.ask_if_due() == size
        latest = await Checkpoints.of(ours).latest()
        assert latest is not None
        assert latest[0] == size
        assert len(cosigners(latest[1], witness)) == 1
    found = await state(ours)
    assert (found["size"], found["failures"], found["refused"]) == (size, 0, False)


async def test_what_the_witness_knows_better_is_believed(
    ours: System, witness: WitnessAddress, client: httpx.AsyncClient
) -> None:
    cosigning = Cosigning(ours, witness, client, every=0)
    await grown(ours)
    await cosigning.ask_if_due()
    size = await grown(ours)
    await ours.pool.execute("UPDATE witnesses SET size = 0, cosigned_at = NULL")
    assert await cosigning.ask_if_due() == size
    await ours.pool.execute("UPDATE witnesses SET size = 0, cosigned_at = NULL")
    assert await cosigning.ask_if_due() == size, "the same head again"
    latest = await Checkpoints.of(ours).latest()
    assert latest is not None
    assert len(cosigners(latest[1], witness)) == 1


async def test_it_is_asked_once_in_a_while_whoever_asks(ours: System, witness: WitnessAddress) -> None:
    asked = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(500)

    await grown(ours)
    nodes = [Cosigning(ours, witness, saying(answer), every=60) for _ in range(3)]
    await asyncio.gather(*(node.ask_if_due() for node in nodes for _ in range(5)))
    assert asked == 1
    back = "UPDATE witnesses SET asked_at = now() - make_interval(secs => $1)"
    await ours.pool.execute(back, 61.0)
    await nodes[0].ask_if_due()
    assert asked == 1, "after a failure it is asked later"
    await ours.pool.execute(back, 121.0)
    await nodes[0].ask_if_due()
    assert asked == 2


async def test_another_history_is_refused_and_told(
    ours: System, witness: WitnessAddress, client: httpx.AsyncClient
) -> None:
    cosigning = Cosigning(ours, witness, client, every=0)
    await grown(ours)
    await cosigning.ask_if_due()
    await grown(ours)
    async with ours.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE witnessed_heads SET root = sha256(root)")
    assert await cosigning.ask_if_due() == 0
    found = await state(ours)
    assert found["refused"]
    assert "does not continue" in found["failure"]
    assert cosigners_of_all(await notes(ours), witness) == 1


async def test_a_log_that_became_shorter_is_told(
    ours: System, witness: WitnessAddress, client: httpx.AsyncClient
) -> None:
    cosigning = Cosigning(ours, witness, client, every=0)
    size = await grown(ours)
    await cosigning.ask_if_due()
    await ours.pool.execute("UPDATE witnessed_heads SET size = size + 5")
    await grown(ours)
    await cosigning.ask_if_due()
    found = await state(ours)
    assert found["refused"]
    assert (
        found["failure"]
        == f"it cosigned {size + 5} events; {await Checkpoints.of(ours).sign_head()} are here"
    )


async def test_it_recovers(ours: System, witness: WitnessAddress, client: httpx.AsyncClient) -> None:
    async def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    size = await grown(ours)
    assert await Cosigning(ours, witness, saying(away), every=0).ask_if_due() == 0
    assert (await state(ours))["failures"] == 1
    assert await Cosigning(ours, witness, client, every=0).ask_if_due() == size
    found = await state(ours)
    assert (found["failures"], found["failure"]) == (0, None)


def signed(by: note.Signer, text: str) -> bytes:
    return by.sign(text, 1_700_000_000).line.encode()


HEAD = note.Checkpoint("ours.example", 1, bytes(32)).text
WRONG: dict[str, Callable[[note.Signer, str], httpx.Response]] = {
    "another text": lambda signer, text: httpx.Response(200, content=signed(signer, HEAD)),
    "another key": lambda signer, text: httpx.Response(
        200, content=signed(note.Signer(signer.name, Ed25519PrivateKey.generate(), note.COSIGNATURE), text)
    ),
    "another type": lambda signer, text: httpx.Response(
        200, content=signed(note.Signer(signer.name, signer.key), text)
    ),
    "no signature": lambda signer, text: httpx.Response(200, content=b""),
    "no text": lambda signer, text: httpx.Response(200, content=b"\xff\n"),
    "too much": lambda signer, text: httpx.Response(200, content=b"x" * 10_000_000),
    "redirect": lambda signer, text: httpx.Response(308, headers={"Location": URL}),
    "conflict without a size": lambda signer, text: httpx.Response(409, content=b"none"),
    "conflicts for ever": lambda signer, text: httpx.Response(409, content=b"0\n"),
    "unknown log": lambda signer, text: httpx.Response(404),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_nothing_else_is_taken_for_a_cosignature(
    ours: System, sister: System, witness: WitnessAddress, wrong: Callable[[Any, str], httpx.Response]
) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        body = (await request.aread()).partition(b"\n\n")[2]
        return wrong(witness_signer(sister.settings), note.parse(body).text)

    await grown(ours)
    await Cosigning(ours, witness, saying(answer), every=0).ask_if_due()
    assert (await state(ours))["failures"] == 1
    assert cosigners_of_all(await notes(ours), witness) == 0


async def notes(system: System) -> list[str]:
    rows = await system.pool.fetch("SELECT note || cosignatures AS note FROM checkpoints")
    return [row["note"] for row in rows]


def cosigners_of_all(texts: list[str], witness: WitnessAddress) -> int:
    return sum(witness.verifier.name in text for text in texts)
