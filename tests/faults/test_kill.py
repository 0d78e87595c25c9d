"""Nothing seen is lost: kill -9 while twenty people type, then compare what they saw with what is there."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator

import pytest

from tests.nodejs import Conversation, Node
from tests.serving import ServerProcess, served
from tests.workspace import Workspace, workspace

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

TYPISTS = 20
TOKEN = re.compile(r"§\d{10}")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running


def test_killing_the_server(server: ServerProcess, node: Node) -> None:
    """Ten times; the clients stay away until the restarted server has been read."""
    work = workspace(server, TYPISTS)
    moments = random.Random(4)
    with node.started("typists.mjs", work.live, work.document, *work.tickets) as typists:
        for _ in range(10):
            _type_for(typists, moments.uniform(0.3, 1.5))
            server.kill()
            seen = typists.ask("cut")
            server.start()
            _check(work, seen)


def test_killing_postgres(server: ServerProcess, node: Node) -> None:
    """Ten times; interlink starts it again by itself. The server is then killed too, so that what is
    read comes from the database and not from a replica that outlived it."""
    work = workspace(server, TYPISTS)
    moments = random.Random(5)
    with node.started("typists.mjs", work.live, work.document, *work.tickets) as typists:
        for _ in range(10):
            _type_for(typists, moments.uniform(0.3, 1.5))
            server.kill_postgres()
            time.sleep(moments.uniform(0, 1))  # the crash may come before, during or after the recovery
            seen = typists.ask("cut")
            server.kill()
            server.start()
            _check(work, seen)


def _type_for(typists: Conversation, seconds: float) -> None:
    """From when something new was shown and told saved."""
    typists.ask("connect")
    before = typists.ask("look")
    typists.ask("type")
    while any(count <= before[what] for what, count in typists.ask("look").items()):
        time.sleep(0.01)
    time.sleep(seconds)


def _check(work: Workspace, seen: dict[str, list[str]]) -> None:
    there = TOKEN.findall(work.content())
    received, acknowledged = set(seen["received"]), set(seen["acknowledged"])
    print(
        f"typed {seen['typed']}, received {len(received)}, "
        f"acknowledged {len(acknowledged)}, there {len(there)}"
    )
    assert len(received) > 0, "the test saw something"
    assert len(acknowledged) > 0, "the test saw something"
    assert len(there) == len(set(there)), "nothing doubled"
    assert received <= set(there), "everything that anyone was shown"
    assert acknowledged <= set(there), "everything that its author was told is saved"
    assert work.content().replace("§", "").isdigit(), "whole tokens only"
