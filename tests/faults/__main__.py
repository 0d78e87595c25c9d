"""Many fault runs, counted: `make faults`, or `python -m tests.faults`.

FAULT_RUNS (default 100) runs of two nodes in one process, then FAULT_PROCESS_RUNS (default 8) of real
processes that are killed. FAULT_SCENARIO picks by a part of the name, FAULT_SEED repeats one.
Each line it prints, and adds to `.faults/history.jsonl`, is one run: scenario, seed, counts.
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
from tests.faults.cluster import FAULTS, Cluster, cluster
from tests.faults.run import Counts
from tests.faults.scenarios import SCENARIOS
from tests.nodejs import Node

HISTORY = Path(".faults/history.jsonl")
ONLY = os.environ.get("FAULT_SCENARIO", "")


async def in_process(runs: int) -> list[Counts | None]:
    """Run scenarios in turn on one PostgreSQL; None stands for a run that failed."""
    rooms._ORPHANS_EVERY = 0.3
    names = [name for name in SCENARIOS if ONLY in name]
    results: list[Counts | None] = []
    with tempfile.TemporaryDirectory(prefix="interlink-faults-", ignore_cleanup_errors=True) as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = server.start()
        try:
            await migrate(url)
            for i in range(runs if names else 0):
                results.append(await _run(url, names[i % len(names)], _seed()))
        finally:
            server.stop()
    return results


def in_processes(runs: int) -> list[Counts | None]:
    """Kill and cut real processes, one after the other on the same cluster."""
    names = [name for name in FAULTS if ONLY in name]
    results: list[Counts | None] = []
    if not names or not runs:
        return results
    with tempfile.TemporaryDirectory(prefix="interlink-faults-") as directory:
        while len(results) < runs:  # a new cluster now and then: the text grows
            folder = Path(directory) / str(len(results))
            with cluster(folder, Node()) as running:
                for name in names[: runs - len(results)]:
                    results.append(_disturb(running, name, _seed()))
                    if results[-1] is None:
                        break
    return results


def _disturb(running: Cluster, name: str, seed: int) -> Counts | None:
    began = time.monotonic()
    try:
        return _told(name, seed, began, running.run(FAULTS[name], random.Random(seed)))
    except Exception as error:
        return _told(name, seed, began, error)


async def _run(url: str, name: str, seed: int) -> Counts | None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(120):
            return _told(name, seed, began, await SCENARIOS[name](url, seed))
    except Exception as error:
        return _told(name, seed, began, error)


def _told(name: str, seed: int, began: float, result: Counts | Exception) -> Counts | None:
    """Print and keep the line of a run."""
    line: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    line |= {"scenario": name, "seed": seed, "seconds": round(time.monotonic() - began, 2)}
    if isinstance(result, Exception):
        traceback.print_exception(result)
        line |= {"ok": False, "error": f"{type(result).__name__}: {result}"[:500]}
    else:
        line |= {"ok": True, **asdict(result)}
    print(json.dumps(line), flush=True)
    with HISTORY.open("a") as history:
        history.write(json.dumps(line) + "\n")
    return None if isinstance(result, Exception) else result


def _seed() -> int:
    return int(os.environ.get("FAULT_SEED") or random.getrandbits(32))


def main() -> int:
    """Run all that is asked for; returns how many runs failed."""
    HISTORY.parent.mkdir(exist_ok=True)
    results = asyncio.run(in_process(int(os.environ.get("FAULT_RUNS") or 100)))
    results += in_processes(int(os.environ.get("FAULT_PROCESS_RUNS") or 8))
    total, failures = Counts(), 0
    for counts in results:
        failures += counts is None
        total += counts or Counts()
    print(f"{len(results)} runs, {failures} failed: {asdict(total)}")
    print(f"{len(HISTORY.read_text().splitlines())} runs in {HISTORY}")
    return failures


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sys.exit(1 if main() else 0)
