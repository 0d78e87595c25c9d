"""Receive an interlink's webhooks: each message is verified, and each event taken once.

    WEBHOOK_SECRET=whsec_… python receive_webhooks.py events.sqlite [PORT]

Needs Python 3.11 and nothing else. Put something that speaks TLS in front of it.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 4 * 2**20  # bytes of a message
TOLERANCE = 300  # seconds that a message may be old, or its sender's clock ahead


def verified(secrets: list[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the secrets signed this, lately (Standard Webhooks 1.0)."""
    id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or abs(time.time() - int(stamp[:20])) > TOLERANCE:
        return False
    given = [part.encode() for part in headers.get("webhook-signature", "").split(" ")]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256)
        if any(hmac.compare_digest(b"v1," + base64.b64encode(digest), found) for found in given):
            return True
    return False


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds of silence
    secrets: list[str]  # two while one takes over from the other
    database: str

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            return self.answer(413, last=True)
        body = self.rfile.read(int(length))
        if not verified(self.secrets, self.headers, body):
            return self.answer(401)
        message = json.loads(body)
        events = message if isinstance(message, list) else [message]
        with closing(sqlite3.connect(self.database)) as db, db:
            new = [event for event in events if self.take(event, db)]
        for event in new:
            print(event["type"], event["subject"], event.get("sequence", "-"), flush=True)
        return self.answer(204)

    def take(self, event: dict, db: sqlite3.Connection) -> bool:
        """What an event leads to: put your own here. Without `data`, `dataref` says where to read it.

        One that came before is not taken again: the answer to it was lost.
        """
        facts = (event["id"], event["type"], event["subject"])
        return db.execute("INSERT OR IGNORE INTO taken VALUES (?, ?, ?)", facts).rowcount == 1

    def answer(self, status: int, *, last: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if last:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        """Keep quiet: requests may name what is nobody's business."""


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Receiver.secrets = os.environ["WEBHOOK_SECRET"].split()
    Receiver.database = sys.argv[1]
    with closing(sqlite3.connect(Receiver.database)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY, type TEXT, subject TEXT)")
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Receiver) as server:
        print(f"receiving at http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
