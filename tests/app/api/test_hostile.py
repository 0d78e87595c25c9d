"""Ten thousand malformed requests: none gets a 5xx, none hangs, none touches anybody else's things."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes
from uuid import uuid4

from starlette.applications import Starlette
from starlette.types import Message

from tests.app.api.conftest import Somebody

REQUESTS = 10_000
AT_ONCE = 8
Headers = list[tuple[bytes, bytes]]

STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    -0.0,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udc00\ud800",
    "\u202e",
    "\x1b[31m",
    "é" * 400,
    "x" * 21_000,
    "';--",
    "<script>",
    "{{7*7}}",
    "%s%n",
    "../../etc/passwd",
    [],
    {},
    [[[]]],
    {"": ""},
    {"person": "x"},
    [None] * 100,
    "00000000-0000-0000-0000-000000000000",
    "NaN",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999+23:59",
]
STRANGE_BYTES = [
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"[" * 500,
]
STRANGE_HEADERS = [
    b"",
    b" ",
    b"\xff\xfe",
    b"\x00",
    b"-1",
    b"1e9",
    b"9" * 40,
    b"x" * 5000,
    b"a,b;c=d",
    b"\xd9\xa3",
]


class Attacker:
    """Makes requests that are almost right, from a seed."""

    def __init__(self, seed: int, token: str, targets: list[tuple[str, str, Any]]) -> None:
        self._random = random.Random(seed)
        self._token = token.encode()
        self._targets = targets

    def requests(self, count: int) -> Iterator[tuple[str, bytes, bytes, Headers, bytes]]:
        """Method, path, query string, headers, body."""
        changes = [self._value, self._bytes, self._header, self._path, self._query]
        for _ in range(count):
            method, path, body = self._random.choice(self._targets)
            request = {
                "path": path.encode(),
                "query": b"",
                "headers": {
                    b"authorization": b"Bearer " + self._token,
                    b"content-type": b"application/json",
                },
                "value": json.loads(json.dumps(body)),
                "body": None,
            }
            for change in self._random.choices(changes, k=self._random.choice((1, 1, 2))):
                change(request)
            sent = json.dumps(request["value"]).encode() if request["body"] is None else request["body"]
            yield method, request["path"], request["query"], list(request["headers"].items()), sent

    def _value(self, request: dict[str, Any]) -> None:
        """Put something strange in the place of some value, or under a new name."""
        holder: Any = request
        key: Any = "value"
        while isinstance(holder[key], dict | list) and holder[key] and self._random.random() < 0.8:
            holder = holder[key]
            key = self._random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        strange = self._random.choice(STRANGE)
        if isinstance(holder[key], dict) and self._random.random() < 0.3:
            holder[key][self._random.choice(("title", "x", "", "\x00"))] = strange
        else:
            holder[key] = strange

    def _bytes(self, request: dict[str, Any]) -> None:
        """Cut, turn or insert bytes."""
        body = bytearray(json.dumps(request["value"]).encode())
        for _ in range(self._random.randint(1, 3)):
            at = self._random.randrange(len(body) + 1)
            match self._random.randrange(4):
                case 0:
                    del body[at:]
                case 1 if at < len(body):
                    body[at] ^= 1 << self._random.randrange(8)
                case 2:
                    body[at:at] = self._random.choice(STRANGE_BYTES)
                case _:
                    body[at:at] = body[: self._random.randrange(40)]
        request["body"] = bytes(body)

    def _header(self, request: dict[str, Any]) -> None:
        names = (
            b"authorization",
            b"cookie",
            b"content-type",
            b"content-length",
            b"content-encoding",
            b"accept",
            b"idempotency-key",
            b"if-position-at-least",
            b"last-event-id",
            b"if-none-match",
            b"x-csrf-token",
            b"host",
        )
        name = self._random.choice(names)
        prefix = {b"authorization": b"Bearer ilk_", b"cookie": b"interlink_session="}.get(name, b"")
        request["headers"][name] = self._random.choice((b"", prefix)) + self._random.choice(STRANGE_HEADERS)

    def _path(self, request: dict[str, Any]) -> None:
        parts = request["path"].split(b"/")
        at = self._random.randrange(1, len(parts))
        parts[at] = self._random.choice(
            [*STRANGE_BYTES, b"", b"..", b"%00", str(uuid4()).encode(), parts[at] * 2]
        )
        request["path"] = b"/".join(parts)

    def _query(self, request: dict[str, Any]) -> None:
        names = (
            "after",
            "cursor",
            "limit",
            "search",
            "language",
            "type",
            "wait",
            "before",
            "right",
            "format",
            "x",
        )
        pairs = []
        for _ in range(self._random.randint(1, 3)):
            strange = self._random.choice([*STRANGE_HEADERS, *STRANGE_BYTES[:5], b"YWN0aXZpdHkuNQ"])
            pairs.append(f"{self._random.choice(names)}={quote_from_bytes(strange[:2000])}")
        request["query"] = "&".join(pairs).encode()


async def ask(
    app: Starlette, method: str, path: bytes, query: bytes, headers: Headers, body: bytes
) -> tuple[int, dict[bytes, bytes], bytes]:
    """The answer to a request as a server would pass it on; raises TimeoutError after a minute."""
    answer: list[Message] = []
    incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answer.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode(errors="replace"),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    async with asyncio.timeout(60):
        await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in answer[1:])
    return answer[0]["status"], dict(answer[0]["headers"]), content


async def targets(who: Somebody) -> list[tuple[str, str, Any]]:
    """Every kind of request, with a body that would be right."""
    process = await who.a_process()
    phase, objective, task = await who.a_task(process)
    made = await who.a_document(task)
    document = made["document"]
    one = f"/api/v1/processes/{process}"
    grant = {"grantee": {"person": str(who.person)}, "rights": ["view"], "node": phase}
    add = {"kind": "task", "title": "x", "parent": objective, "description": "", "before": None}
    return [
        ("POST", "/auth/demo", {"email": "x@example.org", "name": "x", "language": "en"}),
        ("PATCH", "/api/v1/me", {"name": "x", "language": "en"}),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["read"], "expires": "2099-01-01T00:00:00Z"}),
        ("POST", "/api/v1/processes", {"title": "x", "description": "x", "language": "en"}),
        ("PATCH", one, {"title": "x", "description": "x", "language": "en"}),
        ("POST", f"{one}/nodes", add),
        ("POST", f"{one}/permissions", grant),
        ("PATCH", f"/api/v1/nodes/{task}", {"title": "x", "description": "x"}),
        ("POST", f"/api/v1/nodes/{task}/move", {"parent": objective, "before": None}),
        ("POST", f"/api/v1/nodes/{task}/status", {"status": "finished"}),
        ("POST", f"/api/v1/nodes/{task}/disable", None),
        ("POST", f"/api/v1/nodes/{task}/restore", None),
        (
            "POST",
            f"/api/v1/nodes/{task}/assets",
            {"kind": "link", "title": "x", "url": "https://example.org"},
        ),
        ("POST", f"/api/v1/nodes/{task}/assets", {"kind": "document", "title": "x", "format": "text"}),
        ("PATCH", f"/api/v1/assets/{made['id']}", {"title": "x"}),
        ("POST", "/api/v1/live-tickets", {"document": document}),
        ("DELETE", f"/api/v1/permissions/{uuid4()}", None),
        ("DELETE", f"/api/v1/tokens/{uuid4()}", None),
        ("HEAD", "/api/v1/events", None),
        *(("GET", f"{one}{path}", None) for path in ("", "/tree", "/activity", "/permissions", "/why")),
        *(("GET", f"/api/v1/documents/{document}{path}", None) for path in ("", "/content", "/history")),
        *(("GET", path, None) for path in ("/api/v1/events", "/api/v1/processes", "/api/v1/me")),
        ("GET", "/schemas/process.started/1.json", None),
    ]


async def test_ten_thousand_malformed_requests(app: Starlette, ana: Somebody, bruno: Somebody) -> None:
    private = await ana.a_process("Ana's own")
    before = await ana.get("/api/v1/events", limit=1000)
    attack = [*await targets(bruno), *_on(private, ana)]
    statuses: Counter[int] = Counter()

    async def send_all(seed: int) -> None:
        for request in Attacker(seed, bruno.token, attack).requests(REQUESTS // AT_ONCE):
            status, headers, content = await ask(app, *request)
            statuses[status] += 1
            assert status < 500, (status, content, request)
            if status >= 400 and request[0] != "HEAD":
                assert headers[b"content-type"] == b"application/problem+json", request
                assert json.loads(content)["code"], request

    await asyncio.gather(*(send_all(seed) for seed in range(AT_ONCE)))
    assert statuses.total() == REQUESTS
    assert statuses[422] > REQUESTS // 5
    assert {200, 401, 404, 415, 422} <= set(statuses)
    after = await ana.get("/api/v1/events", limit=1000)
    assert [event for event in after if event["type"] != "access.recorded"] == before
    assert (await ana.get(f"/api/v1/processes/{private}"))["title"] == "Ana's own"


def _on(process: str, owner: Somebody) -> list[tuple[str, str, Any]]:
    """Requests to what belongs to somebody else."""
    one = f"/api/v1/processes/{process}"
    grant = {"grantee": {"person": str(owner.person)}, "rights": ["view"]}
    return [
        ("PATCH", one, {"title": "Mine"}),
        ("POST", f"{one}/nodes", {"kind": "phase", "title": "Mine"}),
        ("POST", f"{one}/permissions", grant),
    ]
