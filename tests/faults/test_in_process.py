"""Two nodes in one process over a real PostgreSQL: what goes wrong at each place where it can."""

from __future__ import annotations

import pytest

from tests.faults.scenarios import SCENARIOS

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def _orphans_are_sealed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.rooms._ORPHANS_EVERY", 0.3)


@pytest.mark.parametrize("name", list(SCENARIOS))
async def test_nothing_is_lost_or_doubled(database: str, name: str) -> None:
    counts = await SCENARIOS[name](database, 1)
    print(counts)
    assert counts.seen > 0
