"""Real updates of many kinds, made by the engine."""

from __future__ import annotations

import random
from typing import Any

import pycrdt


def updates(seed: int = 7, count: int = 60) -> list[bytes]:
    """What two people do to a document that uses every kind of content, one update per change."""
    chance = random.Random(seed)
    docs = [pycrdt.Doc[Any](client_id=chance.getrandbits(32)) for _ in range(2)]
    made: list[bytes] = []
    for doc in docs:
        doc.observe(lambda event: made.append(event.update))
    for _ in range(count):
        doc = chance.choice(docs)
        _change(doc, chance)
        if chance.random() < 0.3:
            for one, other in (docs, docs[::-1]):
                one.apply_update(other.get_update(one.get_state()))
    return [*made, *(doc.get_update() for doc in docs), pycrdt.merge_updates(*made[-6:])]


def _change(doc: pycrdt.Doc[Any], chance: random.Random) -> None:
    text: pycrdt.Text = doc.get("content", type=pycrdt.Text)
    which = chance.randrange(8)
    if which < 3:
        text.insert(len(text), chance.choice(["a", "ņŗ", "😀", "longer text"]))
    elif which == 3 and len(text) > 30:
        del text[0 : len("a") if str(text)[0] == "a" else len(text)]
    elif which == 4:
        text.insert_embed(len(text), {"image": "x"}, {"bold": True})
    elif which == 5:
        doc.get("map", type=pycrdt.Map)[chance.choice("ab")] = chance.choice(
            [1, 2.5, None, b"\x00", {"k": [1]}]
        )
    elif which == 6:
        doc.get("list", type=pycrdt.Array).append(chance.choice([pycrdt.Map({"a": 1}), "x", True]))
    else:
        fragment = doc.get("xml", type=pycrdt.XmlFragment)
        fragment.children.append(pycrdt.XmlElement("p", {"k": "v"}, [pycrdt.XmlText("t")]))
