"""Time stamps of a real authority (openssl) are got, verified, kept, served, exported and verified again."""

from __future__ import annotations

import asyncio
import base64
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from app.audit import timestamps
from app.audit.checkpoints import Checkpoints
from app.audit.export import export
from app.audit.live import verify_log
from app.audit.own import evidence
from app.audit.timestamps import BadTimeStamp, NotStamped, Stamp, check_stamps, stamp, stamp_if_due, verify
from app.audit.verify import Report, verify_archive
from app.settings import ConfigurationError, Settings
from app.system import System
from tests.app.api.conftest import app, visitor
from tests.app.audit.authority import Authority
from tests.builders import a_person

__all__ = ["app", "visitor"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is the authority here")
TEXT = "example.org\n7\nAAAA\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody trusted."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody else, who calls themselves the same."""
    return Authority(tmp_path_factory.mktemp("another"))


@pytest.fixture
def address(authority: Authority) -> Iterator[str]:
    """Where the authority is."""
    with authority.served() as url:
        yield url


@pytest.fixture
async def stamped(system: System, authority: Authority, address: str, tmp_path: Path) -> System:
    """A system that asks it."""
    values = {"secret_key": "a", "data_dir": tmp_path, "tsa_url": address, "tsa_certificates": authority.pem}
    await a_person(system)
    return replace(system, settings=Settings.model_validate(values))


def reply(authority: Authority, text: str = TEXT) -> bytes:
    request = TimestampRequestBuilder(text.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    return authority.answer(request.as_bytes())


def test_a_time_stamp_is_of_its_text_and_of_who_is_trusted(authority: Authority, another: Authority) -> None:
    response = reply(authority)
    for roots in ([authority.root], [another.root, authority.root], []):
        assert abs(verify(response, TEXT, roots) - datetime.now(UTC)) < timedelta(minutes=1)
    for text, roots in ((TEXT, [another.root]), (TEXT + "x", [authority.root]), (TEXT + "x", [])):
        with pytest.raises(BadTimeStamp):
            verify(response, text, roots)
    with pytest.raises(BadTimeStamp, match="Nonce"):
        verify(response, TEXT, [authority.root], nonce=4)


def test_another_digest_is_of_another_text(authority: Authority) -> None:
    request = TimestampRequestBuilder(TEXT.encode()).hash_algorithm(HashAlgorithm.SHA512).build()
    with pytest.raises(BadTimeStamp, match="can't be read"):  # refused by the authority, which has no time
        verify(authority.answer(request.as_bytes()), TEXT, [])


def test_a_changed_byte_anywhere_is_found_or_means_nothing(authority: Authority) -> None:
    response = reply(authority)
    right = verify(response, TEXT, [authority.root])
    chance, found = random.Random(1), 0
    for at in chance.sample(range(len(response)), 300):
        changed = bytearray(response)
        changed[at] ^= 1 << chance.randrange(8)
        with suppress(BadTimeStamp):
            verify(bytes(changed), TEXT, [])
        try:
            assert verify(bytes(changed), TEXT, [authority.root]) == right
        except BadTimeStamp:
            found += 1
    assert found > 150  # the rest is in the root's certificate, of which the reader has its own


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"0" * 100_000, b"\x30" * 5000]
)
def test_what_is_no_time_stamp(junk: bytes) -> None:
    with pytest.raises(BadTimeStamp):
        verify(junk, TEXT, [])


async def test_a_head_is_stamped_once(stamped: System, authority: Authority) -> None:
    size = await Checkpoints.of(stamped).sign_head()
    assert await stamp(stamped.pool, stamped.settings) == size
    assert await stamp(stamped.pool, stamped.settings) is None
    await a_person(stamped)
    assert await stamp(stamped.pool, stamped.settings) == size + 1


async def test_once_a_day_on_one_node(stamped: System, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await stamp_if_due(stamped)
    assert first is not None
    await a_person(stamped)
    assert await stamp_if_due(stamped) is None
    monkeypatch.setattr(timestamps, "EVERY", 0.0)
    async with stamped.pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval(timestamps._LOCK)
        assert await stamp_if_due(stamped) is None, "another node is at it"
    assert await stamp_if_due(stamped) == first + 1


async def test_who_is_not_trusted_is_not_kept(stamped: System, another: Authority) -> None:
    settings = stamped.settings.model_copy(update={"tsa_certificates": another.pem})
    with pytest.raises(BadTimeStamp):
        await stamp(stamped.pool, settings)
    with pytest.raises(NotStamped):
        await stamp(stamped.pool, settings.model_copy(update={"tsa_url": "http://127.0.0.1:9/"}))
    nowhere = settings.model_copy(update={"tsa_certificates": another.pem.with_name("nowhere")})
    with pytest.raises(ConfigurationError):
        await stamp(stamped.pool, nowhere)
    assert await stamped.pool.fetchval("SELECT count(*) FROM time_stamps") == 0


def line(report: Report) -> str:
    (found,) = [str(check) for check in report.checks if check.name == "time stamps"]
    return found


async def test_it_is_exported_and_verified(
    stamped: System, authority: Authority, another: Authority, tmp_path: Path
) -> None:
    await stamp(stamped.pool, stamped.settings)
    size = await Checkpoints.of(stamped).sign_head()
    await a_person(stamped)
    own = await evidence(stamped.settings, stamped.pool)
    await export(stamped.pool, tmp_path / "out", own)
    told = {"keys": own.keys, "stamps": own.stamps}

    async def reports(roots: list[Any]) -> list[str]:
        archive = verify_archive(tmp_path / "out", authorities=roots)
        live = await verify_log(stamped.pool, own.checkpoints, authorities=roots, **told)
        return [line(archive), line(live)]

    for found in await reports([authority.root]):
        assert found.startswith(f"ok      time stamps: 1 (up to {size} of {size + 1} events, at 2")
        assert found.endswith("Z)")
    for found in await reports([]):
        assert "by whom is not checked" in found
    for found in await reports([another.root]):
        assert found.startswith(f"FAILED  time stamps at position {size}: ")


def test_a_stamp_of_another_checkpoint_is_named(authority: Authority) -> None:
    stamps = [Stamp(7, reply(authority)), Stamp(9, reply(authority, "of 9\n"))]
    roots = [authority.root]
    good = check_stamps(stamps, {7: TEXT, 9: "of 9\n"}, 10, roots=roots)
    assert (good.ok, good.seen) == (True, 2)
    for texts in ({7: TEXT, 9: "other\n"}, {7: TEXT}):
        check = check_stamps(stamps, texts, 10, roots=roots)
        assert (check.ok, check.position) == (False, 9)


async def test_openssl_agrees_with_what_is_served(
    stamped: System, authority: Authority, visitor: httpx.AsyncClient, app: Any, tmp_path: Path
) -> None:
    await stamp(stamped.pool, stamped.settings)
    app.state.system = stamped
    (found,) = (await visitor.get("/audit/timestamps")).json()
    (tmp_path / "text").write_text(found["checkpoint"].partition("\n\n")[0] + "\n")
    (tmp_path / "reply").write_bytes(base64.b64decode(found["response"]))
    command = ["openssl", "ts", "-verify", "-in", "reply", "-data", "text", "-CAfile", str(authority.pem)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout + done.stderr
    assert (await visitor.get(f"/audit/timestamps?before={found['size']}")).json() == []
