"""The bench's own arithmetic; what it measures is run by `make bench`."""

from __future__ import annotations

import pytest

from tests.bench.live import main, table
from tests.bench.live_scenarios import SCENARIOS, TINY


def test_the_table_divides_ours_by_each_peer() -> None:
    results = {
        "hocuspocus 4.7": {"p99": 10.0, "lost": 0},
        "interlink (h)": {"p99": 20.0, "lost": 0},
        "interlink (y)": {"p99": 5.0, "lost": 0},
    }
    lines = [" ".join(line.split()) for line in table("typing", results)]
    assert lines == [
        "typing p99 lost",
        "hocuspocus 4.7 10.0 0",
        "interlink (h) 20.0 0",
        "interlink (y) 5.0 0",
        "interlink (y) : hocuspocus 4.7 0.50 -",
        "interlink (h) : hocuspocus 4.7 2.00 -",
    ]


def test_scenarios_are_chosen_by_name() -> None:
    assert SCENARIOS.keys() == TINY.keys()
    with pytest.raises(SystemExit, match="nothing: there is room, rooms"):
        main(["--tiny", "nothing"])
