"""`make fuzz`: a million mutated frames over both protocols. `python -m tests.fuzz [--frames N] [--seed S]`.

The frames are thrown in a process of their own, so that an abort or a hang of native code is seen: the
batch is then thrown again frame by frame, and the frame that did it is kept as hex in .fuzz/.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from tests.fuzz.frames import H, Y
from tests.fuzz.target import BATCH, Target

KEPT = Path(".fuzz")
HANG = 20  # seconds for a batch of a thousand frames; it takes a fraction of one
GROWTH = 48 * 2**20  # bytes of memory, from the first tenth to the end


def main() -> None:
    """Throw all frames; exit code 1 if one of them did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="over both protocols together")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--child", nargs=3, metavar=("PROTOCOL", "FIRST", "COUNT"), help=argparse.SUPPRESS)
    parser.add_argument("--each", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        speaks, first, count = options.child
        _throw(speaks, options.seed, range(int(first), int(first) + int(count)), each=options.each)
        return
    print(f"seed {options.seed}")
    batches = max(1, options.frames // BATCH // 2)
    for speaks in (Y, H):
        if not _run(speaks, options.seed, 0, batches):
            sys.exit(1)


def _run(speaks: str, seed: int, first: int, batches: int) -> bool:
    done = subprocess.run(_child(speaks, seed, first, batches), check=False)
    if done.returncode == 0:
        return True
    batch = int((KEPT / "batch").read_text())
    print(f"{speaks}: batch {batch} ended with {done.returncode}; again, frame by frame", flush=True)
    subprocess.run([*_child(speaks, seed, batch, 1), "--each"], check=False)
    frame = (KEPT / "frame").read_text()
    kept = KEPT / f"{speaks}-{seed}-{batch}.hex"
    kept.write_text(frame)
    print(f"the frame is in {kept}: {frame[:200]}")
    return False


def _child(speaks: str, seed: int, first: int, count: int) -> list[str]:
    arguments = ["--seed", str(seed), "--child", speaks, str(first), str(count)]
    return [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", *arguments]


def _throw(speaks: str, seed: int, batches: range, *, each: bool) -> None:
    KEPT.mkdir(exist_ok=True)
    outcomes: Counter[str] = Counter()
    process, began, settled = psutil.Process(), time.monotonic(), 0
    longest = 0.0
    for done, number in enumerate(batches):
        (KEPT / "batch").write_text(str(number))
        faulthandler.dump_traceback_later(HANG, exit=True)
        target = Target(speaks, seed, number)
        for frame in target.frames():
            if each:
                (KEPT / "frame").write_text(frame.hex())
                os.sync()
            started = time.perf_counter()
            target.throw(frame)
            longest = max(longest, time.perf_counter() - started)
        target.finish()
        outcomes += target.outcomes
        if done == len(batches) // 10:
            gc.collect()
            settled = process.memory_info().rss
    faulthandler.cancel_dump_traceback_later()
    gc.collect()
    grown = process.memory_info().rss - settled
    rate = len(batches) * BATCH / (time.monotonic() - began)
    print(
        f"{speaks}: {len(batches) * BATCH:,} frames, {rate:,.0f}/s, the longest took {longest * 1000:.1f} ms"
    )
    print(
        f"  memory {settled / 2**20:.0f} MiB {grown / 2**20:+.1f} MiB; {dict(outcomes.most_common())}",
        flush=True,
    )
    assert grown < GROWTH, "memory grows"


if __name__ == "__main__":
    main()
