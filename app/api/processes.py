"""Co-production processes: starting, describing, listing; their plan and what happened in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.api.tree import TreeNode, visible
from app.api.writing import Items, Output, Paging, Written
from app.commands import process as commands
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from domain.errors import Forbidden, NotFound
from domain.process import Exemption
from domain.rights import RIGHTS, Right
from projections import activity, plan, processes
from projections.activity import ActivityRow


class NewProcess(Input):
    """What a process is about; `language` is a BCP 47 tag."""

    title: str
    description: str = ""
    language: str


class ProcessChange(Input):
    """What to change; what is left out stays."""

    title: str | None = None
    description: str | None = None
    language: str | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.title is None and self.description is None and self.language is None:
            raise ValueError("give a title, a description, a language, or several of them")
        return self


class Process(Output):
    """A process. `position` and `changed` are those of its newest event; `progress` is 0 to 100."""

    id: UUID
    title: str
    description: str
    language: str
    started: datetime = Field(validation_alias="started_at")
    started_by: UUID | None
    changed: datetime = Field(validation_alias="changed_at")
    position: int
    people: int
    tasks: int
    finished_tasks: int
    progress: int


class ProcessShown(Process):
    """A process, with what the reader may do with the whole of it."""

    rights: list[Right]


class Keeping(Input):
    """The ground in article 17(3) of the GDPR on which text stays; null: none."""

    ground: Exemption | None


class Search(Paging):
    """Which processes: in a language (`pt` finds `pt-BR`), with these words in the title."""

    language: str | None = None
    search: str = Field("", max_length=300)


class Whole(Input):
    """Whether disabled nodes and assets are shown too.

    `at`: a log position or an RFC 3339 time; absent: now.
    """

    disabled: bool = False
    at: str | None = Field(None, min_length=1, max_length=40)


class Activity(Output):
    """One thing that happened, with titles as of then. What `data` holds depends on `type`."""

    position: int
    at: datetime
    actor: UUID | None
    actor_name: str | None
    type: str
    process: UUID
    node: UUID | None
    node_title: str | None
    asset: UUID | None
    asset_title: str | None
    document: UUID | None
    data: dict[str, Any]


@endpoint("POST", "/api/v1/processes", scope="write", status=201, summary="Start a process")
async def start(call: Call, body: NewProcess) -> Written:
    """Begin a process with an empty plan. You become its administrator."""
    return Written.of(
        await commands.start(
            call.system,
            call.context,
            title=body.title,
            description=body.description,
            language=body.language,
        )
    )


@endpoint("GET", "/api/v1/processes", scope="read", waits=True, summary="My processes")
async def list_(call: Call, query: Search) -> Items[Process]:
    """The processes in which you hold any right, newest activity first."""
    page = await processes.mine(
        call.system.pool,
        call.person,
        language=query.language,
        search=query.search,
        after=query.cursor,
        limit=query.limit,
    )
    return Items(items=[Process.model_validate(row) for row in page.items], next=page.next)


@endpoint("GET", "/api/v1/processes/{process}", scope="read", waits=True, summary="One process")
async def show(call: Call, process: UUID) -> ProcessShown:
    """What a process is about, how far it is, and what you may do in it."""
    rights = await call.system.authorization.rights(call.person, process)
    row = await processes.one(call.system.pool, process) if "view" in rights else None
    if row is None:
        raise NotFound("no such process")
    return ProcessShown(
        **Process.model_validate(row).model_dump(by_alias=False, mode="python"),
        rights=[right for right in RIGHTS if right in rights],
    )


@endpoint("PATCH", "/api/v1/processes/{process}", scope="write", summary="Describe a process anew")
async def describe(call: Call, process: UUID, body: ProcessChange) -> Written:
    """Change title, description or language. Needs `manage`."""
    return Written.of(
        await commands.describe(
            call.system,
            call.context,
            process=process,
            title=body.title,
            description=body.description,
            language=body.language,
        )
    )


@endpoint("PATCH", "/api/v1/processes/{process}/keeping", scope="write", summary="Keep what people wrote")
async def keep(call: Call, process: UUID, body: Keeping) -> Written:
    """Keep text in this process when its authors are erased, on a legal ground. Needs `administer`."""
    return Written.of(
        await commands.decide_keeping(call.system, call.context, process=process, ground=body.ground)
    )


@endpoint("GET", "/api/v1/processes/{process}/tree", scope="read", waits=True, summary="The plan")
async def tree(call: Call, process: UUID, query: Whole) -> Items[TreeNode]:
    """The phases with all below, in order; only what you may view, and what leads there.

    With `at` as it was then, if you may view the whole process.
    """
    await call.system.authorization.require(call.person, "view", process)
    if query.at is None:
        nodes = await plan.tree(call.system.pool, process, disabled=query.disabled)
    else:
        nodes = await _tree_at(call, process, query.at, query.disabled)
    rights = await call.system.authorization.rights_by_node(call.person, process)
    return Items(items=visible(nodes, rights))


async def _tree_at(call: Call, process: UUID, at: str, disabled: bool) -> list[plan.TreeNode]:
    """Nodes have moved since: what leads to a node that one may view may have been another's then."""
    if not await call.system.authorization.sees_whole(call.person, process):
        raise Forbidden("this needs the right to view the whole process")
    position = await position_of(call.system, at, "at")
    async with call.system.past.views.at(process, position, plan.VIEW) as then:
        return await plan.tree(then, process, disabled=disabled)


@endpoint("GET", "/api/v1/processes/{process}/activity", scope="read", waits=True, summary="What happened")
async def happened(call: Call, process: UUID, query: Paging) -> Items[Activity]:
    """What happened in a process, newest first, as far as you may view it; a page may hold fewer items."""
    await call.system.authorization.require(call.person, "view", process)
    page = await activity.of_process(call.system.pool, process, before=query.cursor, limit=query.limit)
    whole = await call.system.authorization.sees_whole(call.person, process)
    rights = await call.system.authorization.rights_by_node(call.person, process)
    rows = [r for r in page.items if (whole if r.node is None else "view" in rights.get(r.node, ()))]
    return Items(items=await _named(call, rows), next=page.next)


async def _named(call: Call, rows: list[ActivityRow]) -> list[Activity]:
    names = await call.system.people.names(row.actor for row in rows if row.actor)
    return [
        Activity(
            position=row.position,
            at=row.at,
            actor=row.actor,
            actor_name=names[row.actor].name if row.actor in names else None,
            type=row.type,
            process=row.process,
            node=row.node,
            node_title=row.node_title,
            asset=row.asset,
            asset_title=row.asset_title,
            document=row.document,
            data=row.data,
        )
        for row in rows
    ]


routes = routes_of(start, list_, show, describe, keep, tree, happened)
