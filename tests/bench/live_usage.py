"""What a database beside a server uses while something runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY = 0.25  # seconds
_MIB = 1024


@dataclass
class Usage:
    """Processor time in seconds; memory in MiB at its highest and before, shared pages counted once."""

    cpu: float = 0.0
    memory: float = 0.0
    memory_before: float = 0.0


@contextmanager
def watched(process: psutil.Process | None) -> Iterator[Usage]:
    """The usage of a process and its children over the block; zero of none."""
    usage = Usage()
    if process is None:
        yield usage
        return
    before, usage.memory_before = _cpu(process), _memory(process)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            usage.memory = max(usage.memory, _memory(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield usage
    finally:
        ended.set()
        thread.join()
        usage.cpu = _cpu(process) - before
        usage.memory = max(usage.memory, _memory(process))


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children()]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    """Also of children that ended meanwhile."""
    total = 0.0
    for one in _family(process):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _memory(process: psutil.Process) -> float:
    return sum(_proportional(one.pid) for one in _family(process)) / _MIB


def _proportional(pid: int) -> int:
    """Kilobytes, with pages shared by n processes counted as 1/n (smaps_rollup, proc(5))."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
