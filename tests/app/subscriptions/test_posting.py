"""The client that messages go by: reaches nothing that only this server reaches, and believes nobody."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions import address_guard, posting
from app.subscriptions.address_guard import AddressRefused
from app.subscriptions.posting import BODY, HEAD, Answered, BrokenAnswer, Posting
from tests.app.subscriptions.receivers import (
    Behaviour,
    Receiver,
    answer,
    break_off,
    flood,
    gibberish,
    hang_up,
    receiving,
)
from tests.app.subscriptions.test_address_guard import certificate, names


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine stands still for seconds, connections are neither given up nor forgotten."""
    monkeypatch.setattr(posting, "KEPT", 300.0)
    monkeypatch.setattr(posting, "CONNECTING", 300.0)
    monkeypatch.setattr(address_guard, "CONNECTING", 300.0)


@asynccontextmanager
async def client(**settings: object) -> AsyncIterator[Posting]:
    posting = Posting(**({"allow_private": True} | settings))  # type: ignore[arg-type]
    yield posting
    await posting.close()


def says(*parts: bytes, then_close: bool = False) -> Behaviour:
    """Answer with these bytes, part by part."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then_close:
            writer.close()

    return behave


async def ask(receiver: Receiver, body: bytes = b"{}") -> Answered:
    async with client() as posting:
        return await posting.post(receiver.url, {"X-One": "1"}, body)


async def test_a_request_is_what_it_should_be() -> None:
    async with receiving(answer(201, "X-Said: so", body=b"fine")) as receiver:
        found = await ask(receiver, b"content")
    assert (found.status, found.headers["x-said"], bytes(found.body)) == (201, "so", b"fine")
    [message] = receiver.received
    assert (message.target, message.body) == ("/hook", b"content")
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["x-one"] == "1"


async def test_one_connection_serves_one_after_another_and_more_at_once() -> None:
    async with receiving() as receiver, client() as posting:
        for _ in range(5):
            await posting.post(receiver.url, {}, b"")
        assert receiver.connections == 1
        await asyncio.gather(*(posting.post(receiver.url, {}, b"") for _ in range(4)))
        assert receiver.connections <= 5
    assert len(receiver.received) == 9


async def test_a_connection_that_waited_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "KEPT", 0.0)
    async with receiving() as receiver, client() as poster:
        for _ in range(3):
            await poster.post(receiver.url, {}, b"")
    assert receiver.connections == 3


async def test_a_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    answers = iter([answer(200), hang_up, answer(201)])

    async def behave(writer: asyncio.StreamWriter) -> None:
        await next(answers)(writer)

    async with receiving(behave) as receiver, client() as posting:
        assert (await posting.post(receiver.url, {}, b"")).status == 200
        assert (await posting.post(receiver.url, {}, b"")).status == 201
    assert receiver.connections == 2


async def test_a_new_connection_that_says_nothing_is_a_failure() -> None:
    async with receiving(hang_up) as receiver:
        with pytest.raises(BrokenAnswer):
            await ask(receiver)
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "body"),
    [
        (answer(204), 204, b""),
        (answer(302, "Location: http://127.0.0.1:1/"), 302, b""),
        (says(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then_close=True), 200, b"until the end"),
        (says(b"HTTP/1.0 200 OK\r\n\r\nuntil", b" the end", then_close=True), 200, b"until the end"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), 200, b"ab"),
        (says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), 204, b""),
        (
            says(b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
            500,
            b"",
        ),
        (says(*[bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"]), 200, b"ab"),
        (answer(200, "Content-Encoding: gzip", body=b"no gzip at all"), 200, b"no gzip at all"),
    ],
    ids=["good", "redirect", "to the end", "1.0", "chunked", "continue", "early", "byte by byte", "gzip"],
)
async def test_what_is_understood(behaviour: Behaviour, status: int, body: bytes) -> None:
    async with receiving(behaviour) as receiver:
        found = await ask(receiver)
    assert (found.status, bytes(found.body)) == (status, body)
    assert receiver.connections == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        break_off,
        gibberish,
        hang_up,
        says(b"HTTP/1.1 200 OK\r\nContent-Le", then_close=True),
        says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", then_close=True),
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", then_close=True),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        says(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * (2 * HEAD)),
        says(b"HTTP/1.1 100 Continue\r\n\r\n", then_close=True),
    ],
    ids=[
        "half",
        "gibberish",
        "silence",
        "half a head",
        "101",
        "chunk",
        "two lengths",
        "long head",
        "100 only",
    ],
)
async def test_what_is_no_answer(behaviour: Behaviour) -> None:
    async with receiving(behaviour) as receiver:
        with pytest.raises(BrokenAnswer):
            await ask(receiver)


async def test_interim_answers_do_not_go_on_for_ever() -> None:
    async def interim(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
            await writer.drain()

    async with receiving(interim) as receiver:
        with pytest.raises(BrokenAnswer):
            await ask(receiver)


async def test_an_endless_answer_is_read_to_its_limit_and_its_connection_not_used_again() -> None:
    async with receiving(flood) as receiver, client() as posting:
        for _ in range(2):
            assert len((await posting.post(receiver.url, {}, b"")).body) == BODY
    assert receiver.connections == 2


async def test_what_nobody_asked_for_is_not_taken_for_an_answer() -> None:
    """A second answer, sent together with the first, is not that to the next request."""
    empty = b"Content-Length: 0\r\n\r\n"
    twice = says(b"HTTP/1.1 200 OK\r\n" + empty + b"HTTP/1.1 410 Gone\r\n" + empty)
    async with receiving(twice) as receiver, client() as posting:
        for _ in range(3):
            assert (await posting.post(receiver.url, {}, b"")).status == 200
    assert receiver.connections == 3


async def test_a_cancelled_exchange_leaves_no_connection_to_be_used_again() -> None:
    slow = asyncio.Event()

    async def behave(writer: asyncio.StreamWriter) -> None:
        if not slow.is_set():
            slow.set()
            await asyncio.Event().wait()
        await answer(201)(writer)

    async with receiving(behave) as receiver, client() as posting:
        task = asyncio.create_task(posting.post(receiver.url, {}, b""))
        await slow.wait()
        task.cancel()
        await asyncio.wait([task])
        assert (await posting.post(receiver.url, {}, b"")).status == 201
    assert receiver.connections == 2


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=8))
def test_no_bytes_break_the_reader(noise: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        connection = posting._Connection()
        connection.transport = Mock(asyncio.Transport)
        task = asyncio.create_task(connection.exchange(b""))
        await asyncio.sleep(0)
        left = b"HTTP/1.1 200 OK\r\n" + noise
        for cut in cuts:
            connection.data_received(left[:cut])
            left = left[cut:]
        connection.data_received(left)
        connection.connection_lost(None)
        with suppress(BrokenAnswer):
            assert (await task).status == 200

    asyncio.run(run())


async def test_private_addresses_are_refused_and_a_rebinding_name_is_asked_once() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["203.0.114.1"] if len(asked) == 1 else ["127.0.0.1"]

    async with receiving() as receiver:
        for addresses in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]):
            async with client(allow_private=False, resolve=names(addresses)) as posting:
                with pytest.raises(AddressRefused):
                    await posting.post(f"http://receiver.test:{receiver.port}/", {}, b"")
        async with client(allow_private=False, resolve=rebinding) as posting:
            with pytest.raises((OSError, TimeoutError)):  # nothing answers at what was checked
                async with asyncio.timeout(0.3):
                    await posting.post(f"http://receiver.test:{receiver.port}/", {}, b"")
            assert asked == ["receiver.test"]
            with pytest.raises(AddressRefused):
                await posting.post(f"http://receiver.test:{receiver.port}/", {}, b"")
        async with client(allow_private=False) as posting:
            for host in ("127.0.0.1", "[::1]", "localhost", "0x7f000001", "2130706433", "127.1"):
                with pytest.raises((AddressRefused, OSError)):
                    await posting.post(f"http://{host}:{receiver.port}/", {}, b"")
    assert receiver.connections == 0


async def test_the_next_address_is_tried_and_a_name_without_any_is_a_failure() -> None:
    async with receiving() as receiver:
        async with client(resolve=names(["127.0.0.2", "127.0.0.1"])) as posting:
            assert (await posting.post(f"http://receiver.test:{receiver.port}/", {}, b"")).status == 204
        async with client(resolve=names([])) as posting:
            with pytest.raises(OSError, match="no address"):
                await posting.post(f"http://receiver.test:{receiver.port}/", {}, b"")
    assert receiver.received[0].headers["host"] == f"receiver.test:{receiver.port}"


async def test_nothing_is_followed_kept_of_cookies_or_sent_to_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with receiving() as elsewhere:
        to = answer(307, f"Location: {elsewhere.url}", "Set-Cookie: a=b")
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        async with receiving(to) as receiver, client() as posting:
            for _ in range(2):
                assert (await posting.post(receiver.url, {}, b"")).status == 307
    assert elsewhere.connections == 0
    assert "cookie" not in receiver.received[1].headers


async def test_tls_verifies_the_name_in_the_url(tmp_path: Path) -> None:
    path = certificate(tmp_path, "receiver.test")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    trusting = ssl.create_default_context(cafile=str(path))
    async with receiving(ssl=server) as receiver:
        async with client(resolve=names(["127.0.0.1"]), ssl_context=trusting) as posting:
            url = f"https://receiver.test:{receiver.port}/"
            assert [(await posting.post(url, {}, b"")).status for _ in range(2)] == [204, 204]
            for host in ("another.test", "127.0.0.1"):
                with pytest.raises(ssl.SSLError):
                    await posting.post(f"https://{host}:{receiver.port}/", {}, b"")
        async with client(resolve=names(["127.0.0.1"])) as posting:
            with pytest.raises(ssl.SSLError):
                await posting.post(f"https://receiver.test:{receiver.port}/", {}, b"")
    assert len(receiver.received) == 2
