"""What the log is rid of is in no kept past."""

from __future__ import annotations

from app.database.postgres import Pool
from app.past import Past
from domain.plan import Plan
from domain.ports import EventLog
from projections import activity
from tests.app.past.rewriting import rewrite
from tests.projections.coproduction import Coproduction


async def test_what_the_log_is_rid_of_is_not_kept(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=3)
    process = (await story.start()).id
    plan_ = story.plans[process]
    node = story.id()
    plan_.add(node=node, kind="phase", title="Secret", parent=None)
    await story.append(process, plan_)
    secret = await log.head()
    for at in range(30):
        plan_.rename(node, f"Title {at}")
    await story.append(process, plan_)
    head = await log.head()
    past = Past(pool, log, every=1)
    await past.aggregates.at(plan_.id, head)
    async with past.views.at(process, head, activity.VIEW):
        pass
    generation = await pool.fetchval("SELECT generation FROM past_generation")
    await rewrite(pool, secret)
    positions = [row[0] for row in await pool.fetch("SELECT position FROM past_states")]
    assert positions, "what was there before is still good"
    assert max(positions) < secret
    replayed = await past.aggregates.at(plan_.id, secret)
    assert isinstance(replayed.aggregate, Plan)
    assert replayed.aggregate.nodes[node].title == "Erased"
    assert await pool.fetchval("SELECT generation FROM past_generation") > generation
