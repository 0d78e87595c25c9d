"""Kept states are those of the same thing and code, up to a position, and of the log as it is."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.database.postgres import Pool
from app.past.kept import Kept, KeptStates, Of
from domain.ports import EventLog
from tests.app.past.rewriting import rewrite
from tests.projections.coproduction import Coproduction


async def test_a_state_made_before_a_rewrite_is_not_kept_after_it(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=3)
    process = (await story.start()).id
    plan_ = story.plans[process]
    plan_.add(node=story.id(), kind="phase", title="Secret", parent=None)
    await story.append(process, plan_)
    kept, of = KeptStates(pool), Of(plan_.id, "aggregate.plan", "code")
    generation = await kept.generation()
    await rewrite(pool, await log.head())
    await kept.keep(of, Kept(await log.head(), 2, b"Secret"), generation)
    assert await kept.nearest(of, 10) is None
    await kept.keep(of, Kept(await log.head(), 2, b"Erased"), await kept.generation())
    found = await kept.nearest(of, 10)
    assert found is not None
    assert found.state == b"Erased"
    assert await kept.nearest(Of(plan_.id, "aggregate.plan", "other code"), 10) is None


OF = Of(uuid4(), "aggregate.plan", "code")


async def test_the_nearest_state_at_or_before_a_position(pool: Pool) -> None:
    kept = KeptStates(pool)
    generation = await kept.generation()
    for position in (10, 30, 20):
        await kept.keep(OF, Kept(position, position // 10, b"%d" % position), generation)
    found = [await kept.nearest(OF, position) for position in (9, 10, 19, 20, 10**9)]
    assert [one and one.state for one in found] == [None, b"10", b"10", b"20", b"30"]
    assert found[-1] == Kept(30, 3, b"30")
    for other in (
        Of(uuid4(), OF.kind, OF.code),
        Of(OF.thing, "view.plan", OF.code),
        Of(OF.thing, OF.kind, "x"),
    ):
        assert await kept.nearest(other, 100) is None


async def test_the_same_code_keeps_once_and_other_code_anew(pool: Pool) -> None:
    kept, other = KeptStates(pool), Of(OF.thing, OF.kind, "new code")
    generation = await kept.generation()
    await kept.keep(OF, Kept(10, 1, b"first"), generation)
    await kept.keep(OF, Kept(10, 1, b"again"), generation)
    assert await kept.nearest(OF, 10) == Kept(10, 1, b"first")
    await kept.keep(other, Kept(10, 2, b"new"), generation)
    assert await kept.nearest(other, 10) == Kept(10, 2, b"new")
    assert await kept.nearest(OF, 10) is None, "in its place"


async def test_a_damaged_state_is_none(pool: Pool) -> None:
    kept = KeptStates(pool)
    await kept.keep(OF, Kept(10, 1, b"state" * 100), await kept.generation())
    for damage in ("substr(state, 1, length(state) - 3)", "sha256(state)", "''"):
        await pool.execute(f"UPDATE past_states SET state = {damage}")
        assert await kept.nearest(OF, 10) is None


@pytest.mark.parametrize(("size", "events"), [(0, 100), (999, 100), (1000, 100), (1010, 101), (50_000, 5000)])
def test_large_states_are_kept_further_apart(size: int, events: int) -> None:
    kept = KeptStates(None, every=100, bytes_per_event=10)  # type: ignore[arg-type]
    assert kept.apart(size) == events
