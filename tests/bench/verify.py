"""How many events a second the hash part of verification takes: leaf data in, root out.

python -m tests.bench.verify [EVENTS]
"""

from __future__ import annotations

import io
import os
import sys
import time

from app.audit import leafdata

EVENTS = 1_000_000
HEADER = 400  # bytes; about what events of a plan have


def main(events: int = EVENTS) -> None:
    """Print one line."""
    leaf = leafdata.packed(os.urandom(HEADER + 32))
    data = io.BytesIO(leaf * events)
    began = time.perf_counter()
    tree, _ = leafdata.roots(data, [events // 2])
    seconds = time.perf_counter() - began
    assert tree.size == events
    told = f"{events:,} events in {seconds:.2f} s: {events / seconds:,.0f} events/s"
    print(f"Verifying, hash part: {told}  aim 300,000/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
