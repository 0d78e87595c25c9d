"""y-py as a foreign peer: what it writes we read, and the reverse; and why it is not the engine."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from realtime import crdt
from realtime.crdt import EngineError, Replica
from realtime.update import walk
from realtime.wire import Malformed

y_py = pytest.importorskip("y_py", reason="y-py has no wheels for Python 3.13 and later")

pytestmark = pytest.mark.interop


def test_what_y_py_writes_we_read() -> None:
    chance = random.Random(1)
    theirs = y_py.YDoc(skip_gc=True)
    text = theirs.get_text("content")
    ours = Replica()
    for _ in range(300):
        known = ours.state_vector()
        with theirs.begin_transaction() as transaction:
            if len(text) and chance.random() < 0.3:
                text.delete_range(transaction, chance.randrange(len(text)), 1)
            else:
                text.insert(transaction, chance.randint(0, len(text)), chance.choice("abc"))
        update = bytes(y_py.encode_state_as_update(theirs, known))
        walk(update)
        ours.apply(update)
    assert crdt.text_of(ours.state(), "text") == str(text)


def test_what_we_hold_y_py_reads() -> None:
    ours = Replica(keep_deleted=True)
    writer = y_py.YDoc(skip_gc=True)
    text = writer.get_text("content")
    for word in ("Rīga ", "Zaragoza ", "Roma"):
        with writer.begin_transaction() as transaction:
            text.extend(transaction, word)
        ours.apply(bytes(y_py.encode_state_as_update(writer)))
    reader = y_py.YDoc(skip_gc=True)
    y_py.apply_update(reader, ours.state())
    assert str(reader.get_text("content")) == "Rīga Zaragoza Roma"


ABORTING = bytes.fromhex("fff280ffff4b01")
ABORTS = f"""
import y_py
y_py.apply_update(y_py.YDoc(), bytes.fromhex("{ABORTING.hex()}"))
"""


def test_one_malformed_update_ends_a_process_that_uses_y_py() -> None:
    """The reason for the engine: see docs/decisions."""
    done = subprocess.run([sys.executable, "-c", ABORTS], capture_output=True, check=False, timeout=60)
    assert done.returncode < 0, "ended by a signal: no exception handler could have helped"
    with pytest.raises(EngineError):
        Replica().apply(ABORTING)
    with pytest.raises(Malformed):
        walk(ABORTING)
