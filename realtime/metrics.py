"""What happened, as plain numbers that an exporter reads. Counted where it happens, formatted nowhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Metrics:
    """What is not called a gauge only grows. Times in seconds."""

    rooms: int = 0  # gauge
    sessions: int = 0  # gauge
    updates: int = 0
    update_bytes: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    commit_failures: int = 0
    journal_entries: int = 0  # gauge: waiting for the database
    journal_bytes: int = 0  # gauge
    frames_sent: int = 0
    sealed_events: int = 0
    seal_failures: int = 0
    snapshots: int = 0
    loads: int = 0
    load_seconds: float = 0.0
    parked: int = 0
    parked_dropped: int = 0
    conflated: int = 0
    quarantined: int = 0  # gauge: documents that could not be read at their last try
    load_failures: int = 0
    foreign_updates: int = 0  # taken in from other nodes
    catch_ups: int = 0  # readings of what other nodes committed
    catch_up_failures: int = 0
    refused: Counter[int] = field(default_factory=Counter)  # by close code
