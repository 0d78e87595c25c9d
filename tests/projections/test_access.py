from __future__ import annotations

from uuid import uuid4

from app.database.postgres import Pool
from app.views import Views
from domain.ports import EventFilter
from domain.rights import ALL
from projections import access
from tests.projections.coproduction import Coproduction


async def test_who_may_do_what(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze, jana, karlis, team, node = (uuid4() for _ in range(5))
    process = await story.start(administrator=ilze)
    process.grant(permission=(first := uuid4()), grantee=jana, rights=["edit", "view"])
    process.grant(permission=uuid4(), grantee=jana, rights=["manage"], node=node)
    process.grant(permission=uuid4(), grantee=karlis, rights=["comment"], node=node)
    process.grant(permission=uuid4(), grantee=team, rights=["view"], grantee_kind="team")
    await views.wait_all((await story.append(process.id, process, actor=ilze)).last)

    grants = await access.grants(pool, process.id)
    assert [grant.grantee for grant in grants] == [ilze, jana, jana, karlis, team]
    assert (grants[1].permission, grants[1].rights, grants[1].node) == (first, ("view", "edit"), None)
    assert (grants[4].grantee_kind, grants[4].granted_by) == ("team", ilze)

    people = {row.person: row for row in await access.who(pool, process.id)}
    assert list(people) == [ilze, jana, karlis]
    assert frozenset(people[ilze].rights) == ALL
    assert (people[jana].rights, people[jana].nodes) == (("view", "edit"), (node,))
    assert (people[karlis].rights, people[karlis].nodes) == ((), (node,))

    process.revoke(first)
    await views.wait_all((await story.append(process.id, process)).last)
    people = {row.person: row for row in await access.who(pool, process.id)}
    assert people[jana].rights == ()
    assert await access.who(pool, uuid4()) == []


async def test_grants_are_the_aggregate_s_own(pool: Pool, views: Views, story: Coproduction) -> None:
    await story.start()
    await story.work(300)
    await views.wait_all(await story.log.head())
    assert await story.log.read(where=EventFilter(types=("process.right_revoked",)))
    for process in story.processes:
        shown = {row.permission: row for row in await access.grants(pool, process.id)}
        assert shown.keys() == process.grants.keys()
        for permission, grant in process.grants.items():
            row = shown[permission]
            assert (row.grantee, row.grantee_kind, row.node) == (
                grant.grantee,
                grant.grantee_kind,
                grant.node,
            )
            assert frozenset(row.rights) == grant.rights
