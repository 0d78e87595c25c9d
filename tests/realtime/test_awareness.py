"""Presence: stamped, bounded, and nobody speaks for others."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from realtime import wire
from realtime.awareness import AwarenessStates, Flush, read_entries
from realtime.limits import Limits
from realtime.member import Member
from realtime.protocol import Close, Refusal
from tests.realtime.test_update import mutated


def member(person: UUID | None = None, name: str = "Ilze") -> Member:
    return Member(person or uuid4(), uuid4(), name, "#123456", may_edit=False)


def body(*entries: tuple[int, int, Any]) -> bytes:
    return wire.varuint(len(entries)) + b"".join(
        wire.varuint(client) + wire.varuint(clock) + wire.sized(json.dumps(state).encode())
        for client, clock, state in entries
    )


def told(flushes: list[Flush]) -> dict[int, tuple[int, Any]]:
    entries = [entry for flush in flushes for entry in read_entries(wire.read_bytes(flush.frame, 1)[0])]
    return {client: (clock, json.loads(state)) for client, clock, state in entries}


@pytest.fixture
def states() -> AwarenessStates:
    return AwarenessStates(Limits(), {})


def test_who_somebody_is_comes_from_the_server(states: AwarenessStates) -> None:
    ilze = member()
    states.receive(ilze, body((7, 1, {"cursor": 3, "user": {"name": "Mayor", "color": "red"}})), 0)
    user = {"name": "Ilze", "color": "#123456", "id": str(ilze.person)}
    assert told(states.flush(0)) == {7: (1, {"cursor": 3, "user": user})}
    assert states.everybody(ilze) is None, "nobody needs to be told of themselves"
    assert states.everybody(member()) is not None


def test_changes_are_coalesced(states: AwarenessStates) -> None:
    ilze = member()
    states.receive(ilze, body((7, 1, {"at": 1})), 0)
    assert told(states.flush(0))[7][0] == 1
    for clock in range(2, 50):
        states.receive(ilze, body((7, clock, {"at": clock})), 0.01)
        assert states.flush(0.01) == []
    assert states.flush(0.06) == [], "a client's goes out ten times a second"
    assert told(states.flush(0.1))[7][1]["at"] == 49
    assert states.due == float("inf")


def test_relayed_presence_of_others_is_passed_over(states: AwarenessStates) -> None:
    ilze, anna = member(), member(name="Anna")
    states.receive(ilze, body((7, 1, {})), 0)
    states.receive(anna, body((8, 1, {})), 0)
    states.flush(0)
    assert states.receive(anna, body((7, 9, {"fake": 1}), (8, 2, {"true": 1})), 1) is None
    assert states.receive(anna, body((7, 10, None)), 1) is None
    assert set(told(states.flush(1))) == {8}
    states.leave(ilze)
    assert told(states.flush(2)) == {7: (2, None)}
    states.receive(anna, body((7, 1, {}), (7, 99, {})), 2)
    assert states.flush(3) == [], "a ghost does not come back through somebody else"


def test_an_id_of_the_authors_map_is_its_persons(states: AwarenessStates) -> None:
    ilze, anna = member(), member()
    states = AwarenessStates(Limits(), {7: ilze.person})
    states.receive(anna, body((7, 1, {})), 0)
    assert states.flush(0) == []
    states.receive(ilze, body((7, 1, {})), 0)
    assert set(told(states.flush(0))) == {7}


def test_leaving_removes_at_once_and_coming_back_shows_at_once(states: AwarenessStates) -> None:
    ilze = member()
    states.receive(ilze, body((7, 5, {})), 0)
    states.flush(0)
    states.leave(ilze)
    assert told(states.flush(1)) == {7: (6, None)}
    again = member(ilze.person)
    states.receive(again, body((7, 5, {})), 2)
    (flush,) = states.flush(2)
    assert told([flush])[7][0] == 7, "newer than the removal, for the others"
    assert flush.but is again, "but not for itself: it would overwrite its own state"
    states.receive(again, body((7, 6, {})), 3)
    assert told(states.flush(3))[7][0] == 8


def test_a_reconnection_takes_over_from_a_dead_connection(states: AwarenessStates) -> None:
    dead = member()
    states.receive(dead, body((7, 5, {"at": 1})), 0)
    states.flush(0)
    again = member(dead.person)
    states.receive(again, body((7, 5, {"at": 2})), 1)
    assert told(states.flush(1))[7][1]["at"] == 2
    states.leave(dead)
    assert states.flush(2) == [], "the dead connection speaks for nobody any more"


def test_an_explicit_removal_is_passed_on(states: AwarenessStates) -> None:
    ilze = member()
    states.receive(ilze, body((7, 1, {})), 0)
    states.flush(0)
    states.receive(ilze, body((7, 2, None)), 0.06)
    assert told(states.flush(0.06)) == {7: (2, None)}, "without waiting for the pause of its state"
    states.receive(ilze, body((7, 3, {})), 1)
    assert told(states.flush(1))[7][0] == 3


def test_silence_expires(states: AwarenessStates) -> None:
    ilze = member()
    states.receive(ilze, body((7, 1, {})), 0)
    states.flush(0)
    states.expire(30)
    assert states.flush(30) == []
    states.expire(31)
    assert told(states.flush(31)) == {7: (2, None)}
    states.expire(400)
    assert not states._known


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x05", Close.MALFORMED),
        (body((7, 1, "text")), Close.MALFORMED),
        (b"\x01\x07\x01" + wire.sized(b'{"a":NaN}'), Close.MALFORMED),
        (b"\x01\x07\x01" + wire.sized(b'{"a":1e999}'), Close.MALFORMED),
        (b"\x01\x07\x01" + wire.sized(b'{"a":' + b"[" * 3000), Close.MALFORMED),
        (body((7, 2**40, {})), Close.MALFORMED),
        (body((7, 1, {"a": "x" * 5000})), Close.TOO_LARGE),
        (body(*((client, 1, {}) for client in range(30))), Close.TOO_LARGE),
    ],
    ids=range(8),
)
def test_refusals(states: AwarenessStates, sent: bytes, code: Close) -> None:
    refusal = states.receive(member(), sent, 0)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_lone_surrogates_stay_json(states: AwarenessStates) -> None:
    states.receive(member(), b"\x01\x07\x01" + wire.sized(b'{"a":"\\ud800"}'), 0)
    assert told(states.flush(0))[7][1]["a"] == "\ud800"


def test_broken_bodies_never_raise(states: AwarenessStates) -> None:
    chance = random.Random(5)
    sample = body((7, 1, {"cursor": {"anchor": 1}}), (8, 2, None))
    for now in range(20_000):
        speaker = member()
        states.receive(speaker, mutated(sample, chance), now)
        states.flush(now)
        states.leave(speaker)
        states.expire(now)
    assert len(states._known) < 2000
