"""What a log gets from the witness over HTTP, by the letter of C2SP tlog-witness."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.audit import note
from app.audit.note import Verifier
from app.settings import Settings
from app.system import System
from app.wiring import system as wired
from tests.app.audit.heads import leaves, submission
from tests.app.audit.signing import LogKey

KEY = LogKey()
TREE = leaves(200)
FORKED = leaves(200, "forked")
ADDRESS = "/audit/witness/add-checkpoint"


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """One that witnesses a log."""
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "a", "witness_logs": KEY.vkey})
    async with wired(settings, database) as running:
        yield running


async def test_a_log_is_witnessed(visitor: httpx.AsyncClient) -> None:
    key = Verifier.from_vkey((await visitor.get("/audit/witness/keys")).text.strip())
    assert key.name == "127.0.0.1:8000/audit/witness"
    for old, size in ((0, 60), (60, 60), (60, 200)):
        asked = submission(KEY, TREE, old, size)
        answer = await visitor.post(ADDRESS, content=bytes(asked))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        whole = note.parse(bytes(asked.note) + answer.content)
        assert [(found.name, when is not None) for found, when in note.verify(whole, [key])] == [
            (key.name, True)
        ]


async def test_refusals(visitor: httpx.AsyncClient) -> None:
    async def status(body: bytes) -> int:
        return (await visitor.post(ADDRESS, content=body)).status_code

    right = submission(KEY, TREE, 0, 60)
    assert await status(b"old 0\n") == 400
    assert await status(bytes(submission(LogKey(name="unknown.example"), TREE, 0, 60))) == 404
    assert await status(bytes(submission(LogKey(seed=1), TREE, 0, 60))) == 403
    assert await status(bytes(replace(right, proof=(bytes(32),)))) == 422
    assert await status(b"x" * 100_000) == 413
    assert await status(bytes(right)) == 200
    assert await status(bytes(submission(KEY, FORKED, 60, 80))) == 422
    for told in (right, submission(KEY, TREE, 59, 80), submission(KEY, FORKED, 60, 60)):
        answer = await visitor.post(ADDRESS, content=bytes(told))
        assert (answer.status_code, answer.content) == (409, b"60\n")
        assert answer.headers["content-type"] == "text/x.tlog.size"
