"""Follow an interlink's event log: nothing is lost and nothing done twice, whatever ends in between.

    INTERLINK_TOKEN=… python follow_events.py https://interlink.example.org events.sqlite [TYPE …]

Needs Python 3.11 and httpx. What an event led to and how far this has come are committed together; so
after a kill, a crash or a lost connection it goes on behind the last event that was dealt with.
"""

import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator

import httpx

SILENCE = 45.0  # seconds; the server says something every 15
LONGEST_PAUSE = 60.0  # seconds between two attempts
FINAL = {400, 401, 403, 404, 422}  # answers that another attempt would not change


def open_state(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY, position INTEGER)")
    db.execute("CREATE TABLE IF NOT EXISTS handled (position INTEGER, type TEXT, subject TEXT, time TEXT)")
    db.execute("INSERT OR IGNORE INTO progress VALUES (1, 0)")
    db.commit()
    return db


def position_of(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT position FROM progress").fetchone()[0])


def handle(db: sqlite3.Connection, event: dict) -> None:
    """What an event leads to: put your own here. It runs in the transaction that saves the position."""
    facts = (int(event["sequence"]), event["type"], event["subject"], event["time"])
    db.execute("INSERT INTO handled VALUES (?, ?, ?, ?)", facts)


def done(db: sqlite3.Connection, position: int, *events: dict) -> None:
    """Handle events and save the position, together or not at all."""
    with db:
        for event in events:
            handle(db, event)
        db.execute("UPDATE progress SET position = ?", (position,))
    for event in events:
        print(event["sequence"], event["type"], event["subject"], flush=True)


def catch_up(client: httpx.Client, db: sqlite3.Connection, wanted: dict) -> None:
    """Read what was, page by page."""
    while True:
        query = {**wanted, "after": position_of(db), "limit": 1000}
        answer = client.get("/api/v1/events", params=query, headers={"Accept": "application/x-ndjson"})
        answer.raise_for_status()
        events = [json.loads(line) for line in answer.iter_lines() if line]
        done(db, int(answer.headers["Interlink-Position"]), *events)
        if not events:
            return


def frames(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The frames of a stream of Server-Sent Events, as far as this server writes them."""
    frame: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and frame:
            yield frame
            frame = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            frame[name] = value


def follow(client: httpx.Client, db: sqlite3.Connection, wanted: dict) -> Iterator[None]:
    """Take what happens as it happens; yields after each frame, ends with the connection."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(position_of(db))}
    with client.stream("GET", "/api/v1/events", params=wanted, headers=headers) as answer:
        answer.raise_for_status()
        for frame in frames(answer):
            events = [json.loads(frame["data"])] if "event" not in frame else []
            done(db, int(frame["id"]), *events)
            yield


def run(address: str, path: str, types: list[str]) -> None:
    db, wanted, failures = open_state(path), {"type": types} if types else {}, 0
    headers = {"Authorization": f"Bearer {os.environ['INTERLINK_TOKEN']}"}
    with httpx.Client(base_url=address, headers=headers, timeout=SILENCE) as client:
        while True:
            asked = 0.0
            try:
                catch_up(client, db, wanted)
                for _ in follow(client, db, wanted):
                    failures = 0
            except httpx.HTTPStatusError as error:
                if error.response.status_code in FINAL:
                    sys.exit(f"the server answers {error.response.status_code}")
                asked = float(error.response.headers.get("Retry-After", 0))
            except httpx.TransportError as error:
                print(f"{type(error).__name__}; trying again", file=sys.stderr)
            failures += 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** min(failures, 10))
            time.sleep(max(asked, pause * random.uniform(0.5, 1)))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        run(sys.argv[1], sys.argv[2], sys.argv[3:])
    except KeyboardInterrupt:
        sys.exit(130)
