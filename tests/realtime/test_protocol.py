"""Frames: real ones, and 70,000 broken ones."""

from __future__ import annotations

import random
import time

import pytest

from realtime import protocol
from realtime.protocol import Awareness, Close, Edit, QueryAwareness, Refusal, Step1
from tests.realtime.samples import updates
from tests.realtime.test_update import SUBDOCUMENT, mutated

LIMIT = 10_000


def test_frames_of_a_stock_client() -> None:
    assert protocol.parse(bytes.fromhex("00000100"), LIMIT) == Step1(b"\x00")
    empty = protocol.parse(bytes.fromhex("0001020000"), LIMIT)
    assert isinstance(empty, Edit)
    assert (empty.data, empty.step2, empty.update.inserts) == (b"\x00\x00", True, [])
    edit = protocol.parse(bytes.fromhex("00020b0101070004010174017800"), LIMIT)
    assert isinstance(edit, Edit)
    assert (edit.update.inserts, edit.step2) == ([(7, 0, 1)], False)
    assert protocol.parse(bytes.fromhex("010601070002") + b"{}", LIMIT) == Awareness(b"\x01\x07\x00\x02{}")
    assert protocol.parse(b"\x03", LIMIT) == QueryAwareness()


def test_what_the_server_writes() -> None:
    assert protocol.step1(b"\x00").hex() == "00000100"
    assert protocol.step2(b"\x00\x00").hex() == "0001020000"
    assert protocol.update(b"\x00\x00").hex() == "0002020000"
    assert protocol.awareness([]) == protocol.HEARTBEAT
    assert protocol.denied("no").hex() == "0200026e6f"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", Close.MALFORMED),
        (b"\x00", Close.MALFORMED),
        (b"\x00\x03\x00", Close.MALFORMED),
        (b"\x02\x00\x00", Close.MALFORMED),
        (b"\x09", Close.MALFORMED),
        (b"\x03\x03", Close.MALFORMED),
        (b"\x00\x00\x01\x00\x00", Close.MALFORMED),
        (protocol.update(SUBDOCUMENT), Close.MALFORMED),
        (protocol.update(b"x" * LIMIT), Close.TOO_LARGE),
    ],
)
def test_refusals(frame: bytes, code: Close) -> None:
    refusal = protocol.parse(frame, LIMIT)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_a_subdocument_is_told_so() -> None:
    refusal = protocol.parse(protocol.update(SUBDOCUMENT), LIMIT)
    assert isinstance(refusal, Refusal)
    assert "subdocuments" in refusal.reason


def test_broken_frames_are_refused_and_never_raise() -> None:
    chance = random.Random(3)
    samples = [protocol.update(data) for data in updates() if len(data) < 400]
    samples += [protocol.step1(b"\x01\x07\x05"), protocol.step2(b"\x00\x00"), b"\x03"]
    samples += [bytes.fromhex("010601070002") + b"{}"]
    began, refused = time.process_time(), 0
    for _ in range(70_000):
        message = protocol.parse(mutated(chance.choice(samples), chance), LIMIT)
        refused += isinstance(message, Refusal)
    assert refused > 40_000
    assert time.process_time() - began < 60
