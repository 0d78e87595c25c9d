"""The same key, the same command; another request with it is refused."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.database.postgres import Pool
from app.http.idempotency import command
from app.http.problems import Problem

ANA, BRUNO = uuid4(), uuid4()


async def test_without_a_key_every_request_is_its_own_command(pool: Pool) -> None:
    first, second = await command(pool, ANA, [], b"x"), await command(pool, ANA, [], b"x")
    assert first.id != second.id
    assert not second.repeated


async def test_a_key_leads_to_the_same_command(pool: Pool) -> None:
    first = await command(pool, ANA, ["key"], b"POST /x", b"{}")
    again = await command(pool, ANA, ["key"], b"POST /x", b"{}")
    assert again.id == first.id
    assert (first.repeated, again.repeated) == (False, True)
    assert (await command(pool, BRUNO, ["key"], b"POST /x", b"{}")).id != first.id
    assert (await command(pool, ANA, ["other"], b"POST /x", b"{}")).id != first.id


async def test_another_request_with_the_key_is_refused(pool: Pool) -> None:
    await command(pool, ANA, ["key"], b"POST /x", b"{}")
    for other in ((b"POST /y", b"{}"), (b"POST /x", b'{"a":1}'), (b"POST /x{", b"}")):
        with pytest.raises(Problem) as refused:
            await command(pool, ANA, ["key"], *other)
        assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("keys", [[""], ["a", "a"], ["é"], ["a b"], ["x" * 256], ["\x00"]])
async def test_keys_that_are_none(keys: list[str]) -> None:
    no_pool: Any = None
    with pytest.raises(Problem) as refused:
        await command(no_pool, ANA, keys, b"x")
    assert refused.value.code == "idempotency_key_invalid"


async def test_of_many_at_once_one_is_first(pool: Pool) -> None:
    made = await asyncio.gather(*(command(pool, ANA, ["key"], b"x") for _ in range(20)))
    assert len({c.id for c in made}) == 1
    assert [c.repeated for c in made].count(False) == 1


async def test_keys_are_forgotten_but_never_answer_for_something_else(pool: Pool) -> None:
    first = await command(pool, ANA, ["key"], b"x")
    for n in range(15):
        await command(pool, ANA, [f"old-{n}"], b"x")
    await pool.execute("UPDATE idempotency_keys SET used_at = now() - interval '4 days'")
    other = await command(pool, ANA, ["key"], b"y")
    assert other.id != first.id
    assert not (await command(pool, ANA, ["new"], b"y")).repeated
    assert (await command(pool, ANA, ["key"], b"y")).repeated
    assert await pool.fetchval("SELECT count(*) FROM idempotency_keys") == 2


async def test_stores_neither_keys_nor_requests(pool: Pool) -> None:
    await command(pool, ANA, ["a-key-in-the-clear"], b"a request in the clear")
    [row] = await pool.fetch("SELECT * FROM idempotency_keys")
    assert (len(row["key_hash"]), len(row["fingerprint"])) == (32, 32)
    assert b"clear" not in row["key_hash"] + row["fingerprint"]
