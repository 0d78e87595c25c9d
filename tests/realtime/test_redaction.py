"""Updates without what somebody wrote: nothing of it is left, and everything else still holds together."""

from __future__ import annotations

import json
import random
from typing import Any

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import crdt
from realtime.crdt import Replica
from realtime.history.structs import STRING, decode
from realtime.ids import IdSet
from realtime.redaction import deletion, redact, redact_runs
from realtime.replay import Replay, replay
from realtime.update import walk
from realtime.wire import Malformed, read_state_vector
from tests.realtime.samples import updates

ERASED, OTHER = 7, 9
MARK = "secret-ņ😀"
SPELLINGS = [MARK.encode(), json.dumps(MARK)[1:-1].encode(), b"secret"]


def conversation(seed: int, turns: int = 40) -> tuple[list[bytes], str]:
    """Two people write into each other's text; the updates, and what is left of the other's letters."""
    chance = random.Random(seed)
    docs = {client: pycrdt.Doc[Any](client_id=client) for client in (ERASED, OTHER)}
    made: list[bytes] = []
    for doc in docs.values():
        doc.observe(lambda event: made.append(event.update))
    for _ in range(turns):
        client = chance.choice([ERASED, OTHER])
        doc = docs[client]
        text: pycrdt.Text = doc.get("content", type=pycrdt.Text)
        places = _places(text)
        at = chance.choice(places)
        if client == ERASED:
            _write_as_erased(doc, text, at, chance)
        elif chance.random() < 0.8 or len(places) < 4:
            text.insert(at, chance.choice(["A", "BC", "ŅŖ", "LONGER"]))
        else:
            start = chance.randrange(len(places) - 3)
            del text[places[start] : places[start + 2]]
        if chance.random() < 0.4:
            for one, two in ((ERASED, OTHER), (OTHER, ERASED)):
                docs[one].apply_update(docs[two].get_update(docs[one].get_state()))
    whole: pycrdt.Doc[Any] = pycrdt.Doc()
    for update in made:
        whole.apply_update(update)
    said = "".join(
        value for value, _ in whole.get("content", type=pycrdt.Text).diff() if isinstance(value, str)
    )
    return made, "".join(letter for letter in said if letter in "ABCŅŖLONGER")


def _places(text: Any) -> list[int]:
    """Where something can be inserted, in the engine's own units: bytes, and one for an embed."""
    places = [0]
    for value, _ in text.diff():
        for letter in value if isinstance(value, str) else [""]:
            places.append(places[-1] + (len(letter.encode()) or 1))
    return places


def _write_as_erased(doc: Any, text: Any, at: int, chance: random.Random) -> None:
    which = chance.randrange(5)
    if which < 2:
        text.insert(at, MARK)
    elif which == 2:
        text.insert(at, MARK, {"link": {"href": f"https://{MARK}.example"}})
    elif which == 3:
        text.insert_embed(at, {"image": MARK})
    else:
        doc.get("map", type=pycrdt.Map)["k"] = chance.choice([MARK, {"inner": [MARK]}, MARK.encode()])


def letters(state: bytes) -> str:
    return crdt.text_of(state, "text")


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_replicas_converge_whatever_they_got_and_when(seed: int, order: random.Random) -> None:
    made, kept = conversation(seed)
    redacted = [redact(update, {ERASED}) for update in made]
    for update in redacted:
        walk(update)
        assert not any(spelling in update for spelling in SPELLINGS)
    mixed = [*redacted, *(update for update in made if order.random() < 0.5)]
    order.shuffle(mixed)
    one, two = Replica(), Replica()
    for replica, given_ in ((one, redacted), (two, mixed)):
        work = Replay(replica)
        for update in given_:
            work.feed(update)
        assert work.finish()
    assert read_state_vector(one.state_vector()) == read_state_vector(two.state_vector())
    assert one.deleted() == two.deleted()
    for replica in (one, two):
        state = replica.state()
        assert letters(state) == kept
        assert not any(spelling in state for spelling in SPELLINGS)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_who_holds_the_text_loses_it_by_syncing_and_cannot_bring_it_back(seed: int) -> None:
    made, kept = conversation(seed)
    server, client = pycrdt.Doc[Any](), pycrdt.Doc[Any]()
    server.get("content", type=pycrdt.Text)
    work = Replay(replica := Replica())
    for update in made:
        client.apply_update(update)
        work.feed(redact(update, {ERASED}))
    assert work.finish()
    server.apply_update(replica.state())
    back = client.get_update(server.get_state())
    client.apply_update(server.get_update(client.get_state()))
    server.apply_update(back)
    for doc in (server, client):
        state = doc.get_update()
        assert letters(state) == kept
        assert not any(spelling in state for spelling in SPELLINGS)


def test_a_merged_update_is_redacted_of_one_client_only() -> None:
    made, kept = conversation(3)
    whole = crdt.merge(made)
    assert letters(redact(whole, {ERASED})) == kept
    assert redact(whole, {1}) == whole, "nothing of theirs is in it: not a byte changes"
    assert redact(redact(whole)) == redact(whole)


async def test_every_kind_of_content_goes_and_types_stay() -> None:
    made = updates()
    replica, whole = await replay(None, [redact(update) for update in made])
    assert whole
    before, _ = await replay(None, made)
    assert replica.clocks() == before.clocks()
    assert letters(replica.state()) == ""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(replica.state())
    kept: pycrdt.Doc[Any] = pycrdt.Doc()
    kept.apply_update(before.state())
    elements = [len(each.get("xml", type=pycrdt.XmlFragment).children) for each in (doc, kept)]
    assert elements[0] == elements[1] > 0


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        pytest.param(2.0, True, id="a number"),
        pytest.param(True, True, id="a boolean"),
        pytest.param("center", True, id="an alignment"),
        pytest.param([1.0, 2.0], True, id="widths"),
        pytest.param("https://example.org/ana", False, id="an address"),
        pytest.param({"Ana was here": 1.0}, False, id="a key that is text"),
        pytest.param({"deep": [{"er": "Ana"}]}, False, id="text inside"),
        pytest.param(b"center", False, id="bytes"),
    ],
)
def test_values_of_layout_stay(value: Any, stays: bool) -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    held = doc.get("map", type=pycrdt.Map)
    held["k"] = value
    after: pycrdt.Doc[Any] = pycrdt.Doc()
    after.apply_update(redact(doc.get_update()))
    assert after.get("map", type=pycrdt.Map).to_py() == ({"k": value} if stays else {})


def test_marks_without_text_stay_for_those_who_write_under_them() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    text.insert(
        0, "mine", {"bold": {}, "link": {"href": "https://example.org/ana"}, "lang--Ab+/12cd": {"lang": "lv"}}
    )
    other: pycrdt.Doc[Any] = pycrdt.Doc(client_id=OTHER)
    other.apply_update(doc.get_update())
    other.get("content", type=pycrdt.Text).insert(2, "OURS")
    update = redact(other.get_update(), set(read_state_vector(doc.get_state())))
    after: pycrdt.Doc[Any] = pycrdt.Doc()
    after.apply_update(update)
    assert after.get("content", type=pycrdt.Text).diff() == [("OURS", {"bold": {}})]


def test_runs_are_cut_out_of_a_text() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=OTHER)
    doc.get("content", type=pycrdt.Text).insert(0, "one two three")
    update = redact_runs(doc.get_update(), IdSet([(OTHER, 4, 7), (OTHER, 12, 13)]))
    walk(update)
    assert letters(update) == "one  thre"
    assert b"two" not in update
    items, deletes = decode(update)
    assert [(item.clock, item.size) for item in items if item.kind == STRING] == [(0, 4), (7, 5)]
    assert deletes == [(OTHER, 4, 7), (OTHER, 12, 13)]
    doc.apply_update(update)
    assert str(doc.get("content", type=pycrdt.Text)) == "one  thre"


def test_half_of_a_pair_keeps_the_length() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=OTHER)
    doc.get("content", type=pycrdt.Text).insert(0, "a😀b")
    update = redact_runs(doc.get_update(), IdSet([(OTHER, 2, 3)]))
    replica = Replica()
    replica.apply(update)
    assert replica.clocks() == {OTHER: 4}
    assert letters(update) == "a\ufffdb"


def test_a_deletion_deletes_and_nothing_else() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=OTHER)
    doc.get("content", type=pycrdt.Text).insert(0, "abc")
    doc.apply_update(deletion([(OTHER, 1, 2)]))
    assert str(doc.get("content", type=pycrdt.Text)) == "ac"
    assert walk(deletion([])).deletes == []


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.data())
def test_damage_is_named(seed: int, data: st.DataObject) -> None:
    update = crdt.merge(conversation(seed, turns=12)[0])
    at = data.draw(st.integers(0, len(update) - 1))
    for damaged in (update[:at], update[:at] + bytes([data.draw(st.integers(0, 255))]) + update[at + 1 :]):
        try:
            redact(damaged)
        except Malformed:
            continue
