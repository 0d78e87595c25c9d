"""Redacted updates in real Yjs: whoever holds the text loses it by syncing, and never brings it back."""

from __future__ import annotations

import base64
import json

import pytest

from realtime.redaction import redact
from tests.nodejs import Node
from tests.realtime.test_redaction import ERASED, conversation

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("seed", range(6))
def test_yjs_converges_without_the_text(node: Node, seed: int) -> None:
    made, kept = conversation(seed)
    said = {
        "original": [base64.b64encode(update).decode() for update in made],
        "redacted": [base64.b64encode(redact(update, {ERASED})).decode() for update in made],
        "secret": "secret",
    }
    told = json.loads(node.run("redacted.mjs", stdin=json.dumps(said), timeout=60))
    assert told["before"]["tells"], "there was something to redact"
    assert not told["again"]
    for replica in told["after"]:
        assert replica == {"text": kept, "vector": told["before"]["vector"], "tells": False, "pending": False}
