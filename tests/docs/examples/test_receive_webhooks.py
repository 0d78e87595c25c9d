"""The example receiver: it takes what is signed, once, and nothing else."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from app.subscriptions.signing import new_shared_secret
from tests.app.api.conftest import Somebody
from tests.docs.examples.programs import lines, running
from tests.ports import kept_port

SCRIPT = "receive_webhooks.py"
EVENT = {"id": "1", "type": "plan.opened", "subject": "2", "sequence": f"{7:020d}"}


async def test_what_happens_arrives(ana: Somebody, tmp_path: Path) -> None:
    port = kept_port(ana)
    url = f"http://127.0.0.1:{port}/"
    body = {"kind": "webhook", "name": "Mine", "url": url, "filter": [{"prefix": {"type": "plan."}}]}
    webhook = await ana.post("/api/v1/subscriptions", body)
    state = tmp_path / "state.sqlite"
    async with running(SCRIPT, str(state), str(port), WEBHOOK_SECRET=webhook["secret"]) as receiver:
        assert await lines(receiver, 1) == [f"receiving at {url}"]
        process = await ana.a_process()
        await ana.a_task(process)
        found = [line.split() for line in await lines(receiver, 4)]
    assert [kind for kind, _, _ in found] == ["plan.opened"] + ["plan.node_added"] * 3
    db = sqlite3.connect(state)
    assert db.execute("SELECT count(*) FROM taken").fetchone() == (4,)
    db.close()


async def test_only_what_is_signed_is_taken_and_only_once(tmp_path: Path) -> None:
    old, new, other = (new_shared_secret() for _ in range(3))
    body = json.dumps(EVENT).encode()
    async with running(SCRIPT, str(tmp_path / "s"), WEBHOOK_SECRET=f"{old} {new}") as receiver:
        url = (await lines(receiver, 1))[0].removeprefix("receiving at ")
        async with httpx.AsyncClient(timeout=60) as client:

            async def post(headers: dict[str, str], content: bytes = body) -> int:
                return (await client.post(url, content=content, headers=headers)).status_code

            good = _headers(old, body)
            assert await post({}) == 401
            assert await post(_headers(other, body)) == 401
            assert await post(good, body.replace(b"opened", b"closed")) == 401
            assert await post({**good, "webhook-id": "another"}) == 401
            assert await post(_headers(old, body, hours=-1)) == 401
            assert await post(_headers(old, body, hours=1)) == 401
            assert await post({**good, "webhook-timestamp": "1e9"}) == 401
            for secret in (old, new):
                assert await post(_headers(secret, body)) == 204
            both = json.dumps([EVENT, {**EVENT, "id": "2"}]).encode()
            assert await post(_headers(new, both), both) == 204
            said = await lines(receiver, 2)
    assert said == [f"plan.opened 2 {7:020d}"] * 2


async def test_a_connection_that_is_kept_holds_up_no_other(tmp_path: Path) -> None:
    secret, body = new_shared_secret(), json.dumps(EVENT).encode()
    async with running(SCRIPT, str(tmp_path / "s"), WEBHOOK_SECRET=secret) as receiver:
        url = (await lines(receiver, 1))[0].removeprefix("receiving at ")
        async with httpx.AsyncClient(timeout=60) as kept, httpx.AsyncClient(timeout=60) as other:
            for client in (kept, other, kept):
                answer = await client.post(url, content=body, headers=_headers(secret, body))
                assert answer.status_code == 204


def _headers(secret: str, body: bytes, *, hours: int = 0) -> dict[str, str]:
    at = datetime.fromtimestamp(time.time(), UTC) + timedelta(hours=hours)
    return {
        "webhook-id": "evt",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt", at, body.decode()),
    }
