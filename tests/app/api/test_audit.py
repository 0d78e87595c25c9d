"""Heads, tiles and proofs over HTTP; who may read which."""

from __future__ import annotations

import base64
from typing import Any

import httpx

from app.audit import note
from app.audit.note import Verifier
from app.audit.proof import verify_consistency, verify_inclusion
from app.eventlog.merkle import Frontier, leaf_hash


def unbase64(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


def root_of(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


async def trusted(client: httpx.AsyncClient, text: str) -> note.Checkpoint:
    keys = (await client.get("/audit/keys")).text.splitlines()
    signed = note.parse(text.encode())
    note.verify(signed, [Verifier.from_vkey(key) for key in keys])
    return note.parse_checkpoint(signed)


async def test_an_event_is_proven_to_who_may_see_it_and_to_nobody_else(ana: Any, bruno: Any) -> None:
    await ana.a_process()
    found = await ana.get(f"/audit/proof/{ana.position}")
    head = await trusted(ana.client, found["checkpoint"])
    leaf = leaf_hash(found["header"].encode() + base64.b64decode(found["commitment"]))
    assert base64.b64decode(found["leaf_hash"]) == leaf
    assert head.size == found["size"] >= ana.position == found["index"] + 1
    assert verify_inclusion(leaf, found["index"], head.size, unbase64(found["hashes"]), head.root)
    for position in (ana.position, ana.position + 1000, 0):
        assert (await bruno.client.get(f"/audit/proof/{position}")).status_code == 404


async def test_everybody_can_check_that_the_log_only_grows(visitor: httpx.AsyncClient, ana: Any) -> None:
    await ana.a_process()
    first = await trusted(visitor, (await ana.get(f"/audit/proof/{ana.position}"))["checkpoint"])
    await ana.a_process()
    second = await trusted(visitor, (await ana.get(f"/audit/proof/{ana.position}"))["checkpoint"])
    assert first.size < second.size
    answer = await visitor.get("/audit/consistency", params={"from": first.size, "to": second.size})
    hashes = unbase64(answer.json()["hashes"])
    assert verify_consistency(first.size, second.size, first.root, second.root, hashes)
    answer = await visitor.get("/audit/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await trusted(visitor, answer.text)).size >= second.size


async def test_a_tile_gives_the_leaves_under_the_head(visitor: httpx.AsyncClient, ana: Any) -> None:
    await ana.a_process()
    head = await trusted(visitor, (await ana.get(f"/audit/proof/{ana.position}"))["checkpoint"])
    answer = await ana.client.get(f"/audit/tile/0/000.p/{head.size}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "immutable" in answer.headers["cache-control"]
    leaves = [answer.content[at : at + 32] for at in range(0, len(answer.content), 32)]
    assert len(leaves) == head.size
    assert root_of(leaves) == head.root
    assert (await visitor.get(f"/audit/tile/0/000.p/{head.size}")).status_code == 401


NO_TILES = """
0/000 0/000.p/0 0/000.p/256 0/000.p/01 0/000.p/255 0/000.p 0/0 0/x000/000.p/1 0/001/000.p/1 0/x001/000
0/x001/x234/067.p/1 00/000.p/1 8/000.p/1 -1/000 entries/000
"""


async def test_there_are_no_other_tiles(ana: Any) -> None:
    for path in NO_TILES.split():
        assert (await ana.client.get(f"/audit/tile/{path}")).status_code == 404, path


async def test_sizes_must_make_sense(visitor: httpx.AsyncClient) -> None:
    for query in ("", "from=1", "from=2&to=1", "from=0&to=99999999", "from=-1&to=1", "from=a&to=1"):
        assert (await visitor.get(f"/audit/consistency?{query}")).status_code == 422, query
