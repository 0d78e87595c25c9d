"""The walker: what it tells of real updates, and what it refuses."""

from __future__ import annotations

import random
import time
from typing import Any

import pycrdt
import pytest

from realtime import crdt, wire
from realtime.crdt import EngineError
from realtime.update import Unsupported, walk
from realtime.wire import Malformed
from tests.realtime.samples import updates

SUBDOCUMENT = b"\x01\x01\x01\x00\x09\x01\x01a\x01g\x7e\x00"


def test_real_updates_are_walked_to_the_last_byte() -> None:
    for data in updates():
        walk(data)
        for broken in (data + b"\x00", data[:-1]):
            with pytest.raises(Malformed):
                walk(broken)


def test_runs_are_those_of_the_engine() -> None:
    for data in updates():
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        update = walk(data)
        if any(start for _, start, _ in update.inserts):
            continue  # it leans on others, the engine would keep it waiting
        if all(start == 0 for _, start, _ in update.inserts) and not update.links:
            doc.apply_update(data)
            ends = {client: end for client, _, end in update.inserts}
            assert wire.read_state_vector(doc.get_state()) == ends


def test_what_a_keystroke_leans_on() -> None:
    one: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    text = one.get("content", type=pycrdt.Text)
    text += "ab"
    other: pycrdt.Doc[Any] = pycrdt.Doc(client_id=2)
    other.apply_update(one.get_update())
    before = other.get_state()
    shared = other.get("content", type=pycrdt.Text)
    shared.insert(1, "ņ😀")
    del shared[0:1]
    update = walk(other.get_update(before))
    assert update.inserts == [(2, 0, 3)]
    assert update.links == [(2, 0, 1, 0), (2, 0, 1, 1)]
    assert update.deletes == [(1, 0, 1)]
    assert update.inserted == 3, "UTF-16 units"


def test_gaps_are_no_insertions() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    text = doc.get("content", type=pycrdt.Text)
    made: list[bytes] = []
    doc.observe(lambda event: made.append(event.update))
    for letter in "abc":
        text += letter
    assert walk(pycrdt.merge_updates(made[0], made[2])).inserts == [(1, 0, 1), (1, 2, 3)]


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("client twice", b"\x02\x01\x01\x00\x04\x01\x01a\x01x\x01\x01\x01\x04\x01\x01a\x01y\x00"),
        ("no structs", b"\x01\x00\x01\x00\x00"),
        ("empty text", b"\x01\x01\x01\x00\x04\x01\x01a\x00\x00"),
        ("empty gap", b"\x01\x01\x01\x00\x00\x00\x00"),
        ("flags on a gap", b"\x01\x01\x01\x00\x80\x05\x00"),
        ("unknown content", b"\x01\x01\x01\x00\x0b\x01\x01a\x00"),
        ("unknown type", b"\x01\x01\x01\x00\x07\x01\x01a\x07\x00"),
        ("unknown parent", b"\x01\x01\x01\x00\x04\x02\x01a\x01x\x00"),
        ("own future", b"\x01\x01\x01\x00\x84\x01\x00\x01x\x00"),
        ("too many clocks", b"\x01\x01\x01\x00\x00\xff\xff\xff\xff\x0f\x00"),
        ("empty deletion", b"\x00\x01\x01\x01\x00\x00"),
        ("a subdocument", SUBDOCUMENT),
        ("nothing", b""),
    ],
)
def test_what_yjs_never_writes_is_refused(what: str, data: bytes) -> None:
    with pytest.raises(Malformed):
        walk(data)


def test_subdocuments_have_their_own_word() -> None:
    with pytest.raises(Unsupported, match="subdocuments"):
        walk(SUBDOCUMENT)


def test_mutations_raise_nothing_but_malformed() -> None:
    """And what passes the walker and the engine's parser does no harm to the engine."""
    chance = random.Random(11)
    samples = [sample for sample in updates() if len(sample) < 400]
    began, passed = time.process_time(), 0
    for _ in range(30_000):
        data = mutated(chance.choice(samples), chance)
        try:
            walk(data)
            crdt.check(data)
        except (Malformed, EngineError):
            continue
        passed += 1
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.apply_update(data)
        doc.get_update()
    assert passed > 1000
    assert time.process_time() - began < 60


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut, doubled or put in."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(out) + 1)
        which = chance.randrange(5)
        if which == 0:
            out[at : at + 1] = bytes((chance.getrandbits(8),))
        elif which == 1:
            del out[at : at + chance.randint(1, 4)]
        elif which == 2:
            out[at:at] = bytes(chance.getrandbits(8) for _ in range(chance.randint(1, 4)))
        elif which == 3:
            out[at:at] = out[at : at + chance.randint(1, 8)]
        else:
            out[at : at + 1] = b"\xff\xff\xff\xff\x0f"
    return bytes(out)
