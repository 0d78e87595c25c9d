"""The conformance kit (tests/interop/conformance): ours passes every check; the peers ran beside it."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.nodejs import SCRIPTS, Node
from tests.ports import kept_port
from tests.serving import INTERLINK

pytestmark = [pytest.mark.interop, pytest.mark.timeout(960)]

KIT = SCRIPTS / "conformance"
LONG = ("kills-under-typing",)  # only with --long
PEERS = ("hocuspocus", "y-websocket", "y-websocket-leveldb")
OURS = ("interlink-h", "interlink-y")
# What a peer must pass for its column to say anything: it ran, and the kit speaks its protocol.
SANE = ("handshake", "repeated-step1", "co-editing", "offline-merge", "presence-shown", "no-ghosts")


@pytest.fixture(scope="module")
def printed(node: Node) -> dict[str, Any]:
    """What the kit and the proof of the kit printed; they mostly wait, so they run at once."""
    ports = ",".join(str(kept_port(node)) for _ in (*PEERS, *OURS))
    kit = ("run.mjs", "--json", "--interlink", str(INTERLINK), "--ports", ports)
    runs = {"kit": kit, "proof": ("prove.mjs",)}
    with ThreadPoolExecutor() as threads:
        outputs = threads.map(
            lambda run: node.run(f"conformance/{run[0]}", *run[1:], timeout=900), runs.values()
        )
        return {name: json.loads(output.splitlines()[-1]) for name, output in zip(runs, outputs, strict=True)}


@pytest.fixture(scope="module")
def columns(printed: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The results by server and check."""
    return {
        column["key"]: {result["id"]: result for result in column["results"]} for column in printed["kit"]
    }


@pytest.mark.parametrize("server", OURS)
def test_ours_passes_every_check(columns: dict[str, Any], server: str) -> None:
    asked = {check: result for check, result in columns[server].items() if check not in LONG}
    assert {check: result for check, result in asked.items() if result["result"] != "pass"} == {}


@pytest.mark.parametrize("server", PEERS)
def test_the_peers_really_ran(columns: dict[str, Any], server: str) -> None:
    results = columns[server]
    assert results.keys() == columns["interlink-y"].keys(), "the same checks"
    assert [check for check in SANE if results[check]["result"] != "pass"] == []


def test_each_check_can_fail(printed: dict[str, Any]) -> None:
    """A small server passes them all, and with a fault made for a check it fails that check."""
    passes, caught = printed["proof"]["passes"], printed["proof"]["caught"]
    assert passes.keys() == caught.keys()
    assert {check: result for check, result in passes.items() if result != "pass"} == dict.fromkeys(
        LONG, "skipped"
    )
    assert {check for check, result in caught.items() if result == "pass"} == set()


def test_each_check_is_written_down(columns: dict[str, Any]) -> None:
    described = re.findall(
        r"`([a-z0-9-]+)`(?=[, A-Z])", (KIT / "README.md").read_text().partition("## Checks")[2]
    )
    assert [check for check in described if check in columns["interlink-y"]] == list(columns["interlink-y"])
