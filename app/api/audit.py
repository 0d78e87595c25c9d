"""What proves the log to auditors: signed heads, the hashes of the tree, and proofs.

Who may read which is decided in docs/decisions/0010-who-reads-proofs.md.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from app.audit.checkpoints import Checkpoints
from app.audit.keys import known_keys, log_signer
from app.audit.proof import consistency, inclusion
from app.audit.records import read_records
from app.audit.tree import HEIGHT, MAX_LEVEL, WIDTH, Tree
from app.database.failures import unavailable_when_away
from app.events.access import EventAccess
from app.http.binding import Input
from app.http.consistency import MAX_POSITION
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from domain.errors import NotFound

TEXT = "text/plain; charset=utf-8"
TILE = "application/octet-stream"
_TILE_PATH = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL = re.compile(r"0|[1-9][0-9]?")
_IMMUTABLE = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Vary": "Authorization, Cookie",
}


_STAMPED = """
SELECT t.size, t.made_at, t.response, c.note || c.cosignatures AS checkpoint
FROM time_stamps AS t JOIN checkpoints AS c USING (vkey, size)
WHERE t.vkey = $1 AND t.size < $2 ORDER BY t.size DESC, t.made_at DESC LIMIT 100
"""


class Range(Input):
    """Tree sizes, `from` ≤ `to`."""

    first: int = Field(alias="from", ge=0, le=MAX_POSITION)
    second: int = Field(alias="to", ge=0, le=MAX_POSITION)


class Inclusion(BaseModel):
    """That an event is in the log. Hashes are base64, 32 bytes each; `index` counts from 0.

    The leaf hash is SHA-256(0x00 ‖ header ‖ commitment); `hashes` lead from it to the root in `checkpoint`.
    """

    position: int
    index: int
    size: int
    header: str
    commitment: str
    leaf_hash: str
    hashes: list[str]
    checkpoint: str


class Consistency(BaseModel):
    """That the smaller tree is the beginning of the larger one: RFC 6962 section 2.1.2, hashes in base64."""

    first: int
    second: int
    hashes: list[str]


class Wanted(Input):
    """With `cosigned`, the last head that has cosignatures; they come about a second after the head."""

    cosigned: bool = False


class Before(Input):
    """Only time stamps of smaller sizes than `before`."""

    before: int = Field(MAX_POSITION, ge=0, le=MAX_POSITION)


class TimeStamp(BaseModel):
    """That the first `size` events were there at `made_at`, as a time-stamping authority (RFC 3161) says.

    `response` is its TimeStampResp in base64, over the SHA-256 of the note text of `checkpoint` (all
    before the empty line, with the last newline).
    """

    size: int
    made_at: datetime
    checkpoint: str
    response: str


@endpoint("GET", "/audit/checkpoint", scope=None, summary="Read the signed head", produces={TEXT: str})
async def checkpoint(call: Call, query: Wanted) -> Response:
    """The last signed head of the log, as a C2SP checkpoint; or the last that a witness cosigned."""
    checkpoints = Checkpoints.of(call.system)
    found = await (checkpoints.latest(cosigned=True) if query.cosigned else checkpoints.covering(0))
    if found is None:
        raise NotFound("no witness cosigned a head yet")
    return Response(found[1], headers={"Cache-Control": "no-cache"}, media_type=TEXT)


@endpoint("GET", "/audit/keys", scope=None, summary="List the log's keys", produces={TEXT: str})
async def keys(call: Call) -> Response:
    """The verifier keys that this log ever signed with, a line each, oldest first."""
    await Checkpoints.of(call.system).covering(0)
    lines = "".join(f"{vkey}\n" for vkey in await known_keys(call.system.pool))
    return Response(lines, headers={"Cache-Control": "no-cache"}, media_type=TEXT)


@endpoint("GET", "/audit/consistency", scope=None, summary="Prove that the log was only appended to")
async def prove_consistency(call: Call, query: Range) -> Consistency:
    """The consistency proof between two tree sizes."""
    size, _ = await Checkpoints.of(call.system).covering(query.second)
    if query.second > size or query.first > query.second:
        raise Problem(422, "invalid", f"sizes must be such that from ≤ to ≤ {size}, the size of the log")
    hashes = await Tree(call.system.pool).prove(lambda of: consistency(query.first, query.second, of))
    return Consistency(first=query.first, second=query.second, hashes=[_base64(found) for found in hashes])


@endpoint("GET", "/audit/proof/{position}", scope="read", summary="Prove that an event is in the log")
async def prove(call: Call, position: int) -> Inclusion:
    """The inclusion proof of an event that you may see, with what its leaf is made of."""
    pages = [page async for page in read_records(call.system.pool, after=position - 1, through=position)]
    if not pages or not await EventAccess(call.system, call.person).may_see(pages[0][0].event):
        raise NotFound("no such event")
    record, index = pages[0][0], position - 1
    size, note = await Checkpoints.of(call.system).covering(position)
    hashes = await Tree(call.system.pool).prove(lambda of: inclusion(index, size, of))
    return Inclusion(
        position=position,
        index=index,
        size=size,
        header=record.header.decode(),
        commitment=_base64(record.commitment),
        leaf_hash=_base64(record.leaf_hash),
        hashes=[_base64(found) for found in hashes],
        checkpoint=note,
    )


@endpoint("GET", "/audit/timestamps", scope=None, summary="List time stamps")
async def time_stamps(call: Call, query: Before) -> list[TimeStamp]:
    """The newest 100 RFC 3161 time stamps on checkpoints of this log, largest size first."""
    vkey = log_signer(call.system.settings).verifier.vkey
    with unavailable_when_away():
        rows = await call.system.pool.fetch(_STAMPED, vkey, query.before)
    return [
        TimeStamp(
            size=row["size"],
            made_at=row["made_at"],
            checkpoint=row["checkpoint"],
            response=_base64(row["response"]),
        )
        for row in rows
    ]


_TILES: dict[str, Any] = {"scope": "read", "produces": {TILE: None}}


@endpoint("GET", "/audit/tile/{level}/{a}", summary="Read a tile", **_TILES)
async def tile(call: Call, level: str, a: str) -> Response:
    """256 hashes of the tree, 32 bytes each, as C2SP tlog-tiles has them; index below 1,000."""
    return await _tile(call, level, a)


@endpoint("GET", "/audit/tile/{level}/{a}/{b}", summary="Read a tile, partial or from 1,000 on", **_TILES)
async def tile_of_two(call: Call, level: str, a: str, b: str) -> Response:
    """A tile as `067.p/12` or `x001/067`."""
    return await _tile(call, level, f"{a}/{b}")


@endpoint("GET", "/audit/tile/{level}/{a}/{b}/{c}", summary="Read a tile of a large log", **_TILES)
async def tile_of_three(call: Call, level: str, a: str, b: str, c: str) -> Response:
    """A tile as `x001/067.p/12` or `x001/x234/067`."""
    return await _tile(call, level, f"{a}/{b}/{c}")


@endpoint(
    "GET", "/audit/tile/{level}/{a}/{b}/{c}/{d}", summary="Read a partial tile of a large log", **_TILES
)
async def tile_of_four(call: Call, level: str, a: str, b: str, c: str, d: str) -> Response:
    """A tile as `x001/x234/067.p/12`."""
    return await _tile(call, level, f"{a}/{b}/{c}/{d}")


async def _tile(call: Call, level: str, path: str) -> Response:
    found = _TILE_PATH.fullmatch(path)
    if found is None or not _LEVEL.fullmatch(level) or int(level) > MAX_LEVEL:
        raise NotFound("no such tile")
    index = int(found[1].replace("x", "").replace("/", "") + found[2])
    width = WIDTH if found[3] is None else int(found[3])
    if (found[1].startswith("x000")) or (found[3] is not None and width >= WIDTH):
        raise NotFound("no such tile")
    end = index * WIDTH + width
    size, _ = await Checkpoints.of(call.system).covering(0)
    if end > size >> HEIGHT * int(level):
        raise NotFound("no such tile")
    hashes = await Tree(call.system.pool).hashes(int(level), index * WIDTH, width)
    return Response(b"".join(hashes), headers=_IMMUTABLE, media_type=TILE)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


routes = routes_of(
    checkpoint,
    keys,
    prove_consistency,
    prove,
    time_stamps,
    tile,
    tile_of_two,
    tile_of_three,
    tile_of_four,
)
