"""Whatever people do, rows kept live are the rows that the log gives when read again."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database.postgres import Pool
from app.views import Views
from domain.ports import EventLog
from projections.catalogue import VIEWS
from tests.memory_log import MemoryLog
from tests.projections.coproduction import Coproduction
from tests.projections.tables import dump, replay

_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=6, suppress_health_check=_SLOW)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120), batch=st.integers(2, 40))
async def test_batches_of_any_size_give_the_same_rows(
    database: str, seed: int, steps: int, batch: int
) -> None:
    log = MemoryLog()
    await Coproduction(log, seed).work(steps)
    events = await log.read(limit=100_000)
    one_by_one = await replay(database, events, 1)
    assert await replay(database, events, batch) == one_by_one
    assert await replay(database, events, 100_000) == one_by_one


async def test_live_rows_are_the_rows_rebuilt_from_the_beginning(
    pool: Pool, database: str, log: EventLog
) -> None:
    views = Views(pool, log, database, batch=7)
    await views.start()
    story = Coproduction(log, seed=7)
    for _ in range(3):
        await story.work(60)
        head = await log.head()
        await views.wait_all(head, 60)
        live = await dump(pool)
        assert live == await replay(database, await log.read(limit=100_000), 1000)
        for view in VIEWS:
            assert await views.rebuild(view.name) == head
        assert await dump(pool) == live
    await views.stop()
    assert all(live.values()), "a table that nothing ever fills shows nothing here"
