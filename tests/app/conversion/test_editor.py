"""What comes out of files opens in the real editor's schema, and opening it changes nothing."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conversion.schema import Json
from app.web.bundle import DIST
from realtime import crdt
from tests.app.conversion.documents import DOCUMENTS, EVERYTHING
from tests.app.conversion.test_round_trip import normal
from tests.nodejs import NODE, Node

SCRIPT = __file__.replace("test_editor.py", "editor.mjs")


def opened(documents: list[Json]) -> list[dict[str, Any]]:
    """Compose each document and open it."""
    states = "".join(base64.b64encode(crdt.compose(each)).decode() + "\n" for each in documents)
    done = subprocess.run(
        [NODE, SCRIPT, DIST.parent], input=states, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_defaults(found: Any) -> Any:
    """Without what the schema's JSON adds: attributes that are null. Marks by name."""
    if isinstance(found, list):
        return [without_defaults(each) for each in found]
    if not isinstance(found, dict):
        return found
    made = {key: without_defaults(value) for key, value in found.items() if value is not None}
    if "marks" in made:
        made["marks"] = sorted(made["marks"], key=lambda mark: str(mark["type"]))
    return {key: value for key, value in made.items() if value != {}}


def test_everything_opens_unchanged(node: Node) -> None:
    [found] = opened([EVERYTHING])
    assert not found["changed"]
    assert without_defaults(found["document"]) == EVERYTHING


@given(st.lists(DOCUMENTS, min_size=20, max_size=20))
@settings(max_examples=3, suppress_health_check=[*HealthCheck])
def test_random_documents_open_unchanged(node: Node, documents: list[Json]) -> None:
    expected = [normal(each) for each in documents]
    for before, after in zip(expected, opened(expected), strict=True):
        assert not after["changed"]
        assert without_defaults(after["document"]) == before
        assert crdt.json_of(crdt.compose(before), "richtext") == before
