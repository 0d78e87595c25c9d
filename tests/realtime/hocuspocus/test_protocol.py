"""Frames of the hocuspocus protocol: as the stock client writes and reads them, and 50,000 broken ones."""

from __future__ import annotations

import random

import pytest

from realtime import protocol
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hocuspocus.protocol import Addressed, Detach, Envelope, Ping, Pong, Stateless, Token
from realtime.protocol import Awareness, Close, Edit, QueryAwareness, Refusal, Step1
from realtime.wire import sized
from tests.realtime.samples import updates
from tests.realtime.test_update import SUBDOCUMENT, mutated

LIMIT = 10_000
D = "0164"  # the address of the document "d"
EDIT = "0b0101070004010174017800"  # client 7 inserts "x" into the Text "t"


def read(written: str) -> object:
    """The message of a frame that is to the document "d"."""
    message = hocuspocus.parse(bytes.fromhex(written), LIMIT)
    assert isinstance(message, Addressed), message
    assert (message.envelope.address, message.envelope.document) == (b"\x01d", "d")
    return message.body


def test_frames_of_a_stock_client() -> None:
    assert read(D + "02 00 03746f6b 05342e382e30") == Token("tok", "4.8.0")
    assert read(D + "02 00 03746f6b") == Token("tok", None), "older clients do not tell their version"
    assert read(D + "02 00 00 05342e382e30") == Token("", "4.8.0")
    assert read(D + "00 00 01 00") == Step1(b"\x00")
    empty = read(D + "00 01 02 0000")
    assert isinstance(empty, Edit)
    assert (empty.data, empty.step2) == (b"\x00\x00", True)
    edit = read(D + "00 02" + EDIT)
    assert isinstance(edit, Edit)
    assert (edit.update.inserts, edit.step2) == ([(7, 0, 1)], False)
    assert read(D + "01 06 01 07 00 027b7d") == Awareness(b"\x01\x07\x00\x02{}")
    assert read(D + "03") == QueryAwareness()
    assert read(D + "05 02 6869") == Stateless("hi")
    assert read(D + "07") == Detach()


def test_a_sync_reply_is_a_sync() -> None:
    assert read(D + "04 00 01 00") == Step1(b"\x00")
    assert read(D + "04 01 02 0000") == read(D + "00 01 02 0000")
    assert read(D + "04 02" + EDIT) == read(D + "00 02" + EDIT)


def test_pings_concern_the_socket() -> None:
    assert hocuspocus.parse(b"\x09", LIMIT) == Ping()
    assert hocuspocus.parse(b"\x0a", LIMIT) == Pong()
    nine = hocuspocus.parse(b"\x09documents\x03"[:10] + b"\x03", LIMIT)
    assert isinstance(nine, Addressed), "a name of nine letters is no ping"
    assert nine.envelope.document == "documents"


def test_one_document_under_two_addresses() -> None:
    plain = hocuspocus.parse(bytes.fromhex(D + "03"), LIMIT)
    session = hocuspocus.parse(bytes.fromhex("05 64 00 6b3276 03"), LIMIT)
    assert isinstance(plain, Addressed)
    assert isinstance(session, Addressed)
    assert plain.envelope.document == session.envelope.document == "d"
    assert (plain.envelope.name, session.envelope.name) == ("d", "d\0k2v")
    assert session.envelope.address == hocuspocus.address("d\0k2v") == b"\x05d\0k2v"


def test_what_the_server_writes() -> None:
    def frame(message: bytes) -> str:
        return (hocuspocus.address("d") + message).hex()

    assert frame(hocuspocus.authenticated(True)) == D + "02020a726561642d7772697465"
    assert frame(hocuspocus.authenticated(False)) == D + "020208726561646f6e6c79"
    assert frame(hocuspocus.denied("permission-denied")) == D + "020111" + b"permission-denied".hex()
    assert frame(hocuspocus.ask_for_token()) == D + "0200"
    assert frame(hocuspocus.sync_status(True)) == D + "0801"
    assert frame(hocuspocus.sync_status(False)) == D + "0800"
    assert frame(hocuspocus.closed("gone")) == D + "0704676f6e65"
    assert frame(protocol.step1(b"\x00")) == D + "00000100"
    assert frame(protocol.step2(b"\x00\x00")) == D + "0001020000"
    assert (hocuspocus.PING_FRAME, hocuspocus.PONG_FRAME) == (b"\x09", b"\x0a")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", Close.MALFORMED),
        ("00", Close.MALFORMED),
        ("0b", Close.MALFORMED),
        (D, Close.MALFORMED),
        ("0264", Close.MALFORMED),
        ("01ff 03", Close.MALFORMED),  # a name that is not UTF-8
        (D + "09", Close.MALFORMED),  # a ping is never to a document
        (D + "0a", Close.MALFORMED),
        (D + "0b", Close.MALFORMED),
        (D + "06 02 6869", Close.MALFORMED),  # a server's: would reach everybody
        (D + "08 01", Close.MALFORMED),  # a server's
        (D + "02 01 00", Close.MALFORMED),  # a server's
        (D + "02 02 0a 726561642d7772697465", Close.MALFORMED),  # a server's
        (D + "02 00", Close.MALFORMED),
        (D + "02 00 03746f6b 05342e382e30 00", Close.MALFORMED),
        (D + "02 00 01ff", Close.MALFORMED),
        (D + "05 02 68", Close.MALFORMED),
        (D + "05 02 6869 00", Close.MALFORMED),
        (D + "07 00", Close.MALFORMED),
        (D + "03 03", Close.MALFORMED),
        (D + "00 03 00", Close.MALFORMED),
        (D + "00 00 01 00 00", Close.MALFORMED),
        (D + "04", Close.MALFORMED),
        (D + "00 02" + sized(SUBDOCUMENT).hex(), Close.MALFORMED),
        (D + "00 02" + "00" * LIMIT, Close.TOO_LARGE),
        (sized(b"d" * (hocuspocus.MAX_NAME + 1)).hex() + "03", Close.MALFORMED),
        (D + "0200" + sized(b"t" * (hocuspocus.MAX_TOKEN + 1)).hex(), Close.MALFORMED),
    ],
)
def test_refusals(written: str, code: Close) -> None:
    refusal = hocuspocus.parse(bytes.fromhex(written), LIMIT)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


@pytest.mark.parametrize("written", [D + "06 02 6869", D + "08 01"])
def test_who_plays_server_is_told_so(written: str) -> None:
    refusal = hocuspocus.parse(bytes.fromhex(written), LIMIT)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "only a server sends this"


def test_the_longest_name_and_token() -> None:
    name, token = "d" * hocuspocus.MAX_NAME, b"t" * hocuspocus.MAX_TOKEN
    message = hocuspocus.parse(hocuspocus.address(name) + b"\x02\x00" + sized(token), LIMIT)
    assert isinstance(message, Addressed)
    assert message.envelope.name == name


def test_an_envelope_leaves_its_body_unread() -> None:
    broken = bytes.fromhex(D + "00 02 05 ffff")
    envelope = hocuspocus.open_frame(broken, LIMIT)
    assert isinstance(envelope, Envelope)
    assert (envelope.kind, envelope.frame, envelope.at) == (protocol.SYNC, broken, 2)
    assert isinstance(hocuspocus.read(envelope), Refusal)


def test_broken_frames_are_refused_and_never_raise() -> None:
    chance = random.Random(5)
    address = hocuspocus.address("d")
    samples = [address + protocol.update(data) for data in updates() if len(data) < 400]
    samples += [address + protocol.step1(b"\x01\x07\x05"), address + b"\x03", address + b"\x07"]
    samples += [bytes.fromhex(D + "0200 03746f6b 05342e382e30"), bytes.fromhex(D + "05 02 6869")]
    samples += [hocuspocus.address("d\0k2v") + bytes.fromhex("010601070002") + b"{}", b"\x09", b"\x0a"]
    refused = sum(
        isinstance(hocuspocus.parse(mutated(chance.choice(samples), chance), LIMIT), Refusal)
        for _ in range(50_000)
    )
    assert 25_000 < refused < 50_000
