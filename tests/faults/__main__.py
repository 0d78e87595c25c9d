"""Many fault runs, counted: `python -m tests.faults [RUNS]`, or `make faults` with FAULT_RUNS.

Each line it prints, and adds to `.faults/history.jsonl`, is one run: scenario, seed, counts. A run that
fails is told with its seed, which makes the same choices again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from realtime import rooms
from tests.faults.run import Counts
from tests.faults.scenarios import SCENARIOS

HISTORY = Path(".faults/history.jsonl")


async def main(runs: int) -> int:
    """Run scenarios in turn on one PostgreSQL; returns how many failed."""
    rooms._ORPHANS_EVERY = 0.3
    HISTORY.parent.mkdir(exist_ok=True)
    total, failures = Counts(), 0
    only = os.environ.get("FAULT_SCENARIO", "")
    names = [name for name in SCENARIOS if only in name]
    with tempfile.TemporaryDirectory(prefix="interlink-faults-", ignore_cleanup_errors=True) as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = server.start()
        try:
            await migrate(url)
            for i in range(runs):
                seed = int(os.environ.get("FAULT_SEED") or random.getrandbits(32))
                counts = await _run(url, names[i % len(names)], seed)
                failures += counts is None
                total += counts or Counts()
        finally:
            server.stop()
    print(f"{runs} runs, {failures} failed: {asdict(total)}")
    print(f"{sum(1 for _ in HISTORY.open())} runs in {HISTORY}")
    return failures


async def _run(url: str, name: str, seed: int) -> Counts | None:
    began = time.monotonic()
    line: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": name,
        "seed": seed,
    }
    counts: Counts | None = None
    try:
        async with asyncio.timeout(120):
            counts = await SCENARIOS[name](url, seed)
        line |= {"ok": True, **asdict(counts)}
    except Exception as error:
        traceback.print_exc()
        line |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
    line["seconds"] = round(time.monotonic() - began, 2)
    print(json.dumps(line), flush=True)
    with HISTORY.open("a") as history:
        history.write(json.dumps(line) + "\n")
    return counts


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL + 1))
    wanted = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FAULT_RUNS") or 100)
    sys.exit(1 if asyncio.run(main(wanted)) else 0)
