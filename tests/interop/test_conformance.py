"""The conformance kit (tests/interop/conformance): ours passes every check; the peers ran beside it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.nodejs import SCRIPTS, Node
from tests.serving import INTERLINK

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

KIT = SCRIPTS / "conformance"
PEERS = ("hocuspocus", "y-websocket", "y-websocket-leveldb")
OURS = ("interlink-h", "interlink-y")
# What a peer must pass for its column to say anything: it ran, and the kit speaks its protocol.
SANE = ("handshake", "repeated-step1", "co-editing", "offline-merge", "presence-shown", "no-ghosts")


@pytest.fixture(scope="module")
def columns(node: Node) -> dict[str, dict[str, dict[str, Any]]]:
    """The results by server and check."""
    printed = node.run("conformance/run.mjs", "--json", "--interlink", str(INTERLINK))
    found = json.loads(printed.splitlines()[-1])
    return {column["key"]: {result["id"]: result for result in column["results"]} for column in found}


@pytest.mark.parametrize("server", OURS)
def test_ours_passes_every_check(columns: dict[str, Any], server: str) -> None:
    assert {check: result for check, result in columns[server].items() if result["result"] != "pass"} == {}


@pytest.mark.parametrize("server", PEERS)
def test_the_peers_really_ran(columns: dict[str, Any], server: str) -> None:
    results = columns[server]
    assert results.keys() == columns["interlink-y"].keys(), "the same checks"
    assert [check for check in SANE if results[check]["result"] != "pass"] == []


def test_a_failing_server_fails(columns: dict[str, Any]) -> None:
    """A check that nobody fails could not be told from one that checks nothing."""
    assert columns["hocuspocus"]["acknowledged-survives"]["result"] == "fail"
    assert columns["y-websocket"]["idle-room-unloads"]["result"] == "fail"
    assert columns["y-websocket"]["malformed-is-told"]["result"] == "fail"


def test_each_check_is_written_down(columns: dict[str, Any]) -> None:
    described = re.findall(
        r"`([a-z0-9-]+)`(?=[, A-Z])", (KIT / "README.md").read_text().partition("## Checks")[2]
    )
    assert [check for check in described if check in columns["interlink-y"]] == list(columns["interlink-y"])
