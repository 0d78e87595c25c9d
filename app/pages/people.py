"""Who takes part in a process with which rights; what becomes of the text of who is erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from app.commands import process
from app.pages.page import Page
from app.pages.scope import flat, open_scope, titles, visible_tree
from app.people import Profile
from app.web.activity import GROUNDS
from app.web.locale import N_
from domain.errors import Conflict, Invalid, NotFound
from domain.process import Process
from domain.rights import Right
from projections import access
from projections.access import GrantRow
from projections.plan import TreeNode

ROLES: dict[str, tuple[Right, ...]] = {
    "reader": ("view",),
    "contributor": ("view", "comment", "suggest", "edit"),
    "organiser": ("view", "comment", "suggest", "edit", "delete", "manage"),
    "administrator": ("administer",),
}
ROLE_NAMES = {
    "reader": (N_("Reader"), N_("sees everything, changes nothing")),
    "contributor": (N_("Contributor"), N_("writes in documents and adds new ones")),
    "organiser": (N_("Organiser"), N_("also changes the plan and removes documents")),
    "administrator": (N_("Administrator"), N_("also decides who takes part")),
}

_GROUNDS = {"": N_("No ground: they decide themselves"), **GROUNDS}


@dataclass(frozen=True)
class Member:
    """Somebody with the grants they hold; `profile` is None for who is no longer known here."""

    profile: Profile | None
    grants: list[GrantRow]


async def show(page: Page) -> Response:
    """Everyone who takes part, and for administrators the forms to change that."""
    scope = await open_scope(page)
    if not scope.whole:
        raise NotFound("those who see only a part do not see who else takes part")
    rows = await access.grants(page.system.pool, scope.process.id)
    nodes = await visible_tree(page, scope, disabled=True)
    kept_for = (await page.system.repository.load(Process, scope.process.id)).kept_for
    return page.render(
        "process/people.html",
        scope=scope,
        members=await _members(page, rows),
        titles=titles(nodes),
        places=[("", page.locale.gettext("The whole process")), *_places(nodes)],
        role_of=role_of,
        roles=ROLE_NAMES,
        grounds=[(ground, page.locale.gettext(told)) for ground, told in _GROUNDS.items()],
        kept_for=kept_for,
    )


async def grant(page: Page) -> Response:
    """Give rights to the person with this e-mail."""
    form = await page.submitted("grant")
    scope = await open_scope(page)
    await page.system.authorization.require(page.person, "administer", scope.process.id)
    try:
        done = await process.grant(
            page.system,
            page.context(form),
            process=scope.process.id,
            grantee=(await _invited(page, form["email"])).person,
            rights=ROLES.get(form["role"], ()),
            node=form.uuid("node", "node_unknown"),
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, _at_its_field(refusal)))
    return await page.done(done.position, f"/processes/{scope.process.id}/people", done="granted")


async def revoke(page: Page) -> Response:
    """Take one grant back."""
    form = await page.submitted("revoke")
    of = page.id("process")
    try:
        done = await process.revoke(page.system, page.context(form), permission=page.id("permission"))
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    gone = "view" not in await page.system.authorization.rights(page.person, of)
    return await page.done(done.position, "/" if gone else f"/processes/{of}/people", done="revoked")


async def decide_keeping(page: Page) -> Response:
    """Say on which legal ground text stays when its authors are erased, or that it does not have to."""
    form = await page.submitted("keeping")
    of = page.id("process")
    try:
        done = await process.decide_keeping(
            page.system, page.context(form), process=of, ground=form["ground"] or None
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await page.done(done.position, f"/processes/{of}/people", done="saved")


def role_of(rights: Sequence[Right]) -> str | None:
    """The role that stands for exactly these rights, if there is one; administering includes all."""
    if "administer" in rights:
        return "administrator"
    return next((name for name, given in ROLES.items() if set(given) == set(rights)), None)


async def _invited(page: Page, email: str) -> Profile:
    found = await page.system.people.by_email(email)
    if found is None:
        raise Invalid("nobody has this e-mail", code="grantee_unknown", field="email")
    return found


def _at_its_field(refusal: Invalid | Conflict) -> Invalid | Conflict:
    """Rights are chosen as a role here, and whom they go to by e-mail."""
    fields = {"rights": "role", "grantee": "email"}
    refusal.field = fields.get(refusal.field or "", refusal.field)
    if refusal.code == "administer_whole":
        refusal.field = "node"
    return refusal


async def _members(page: Page, rows: Sequence[GrantRow]) -> list[Member]:
    people = [row for row in rows if row.grantee_kind == "person"]
    names = await page.system.people.names({row.grantee for row in people})
    by_person: dict[object, list[GrantRow]] = {}
    for row in people:
        by_person.setdefault(row.grantee, []).append(row)
    return [Member(names.get(found[0].grantee), found) for found in by_person.values()]


def _places(nodes: Sequence[TreeNode]) -> list[tuple[str, str]]:
    """The parts of the plan as choices, each further in than what it stands under."""
    return [
        (str(node.id), f"{chr(160) * 3 * depth}{node.title}") for depth, node in flat(nodes) if node.enabled
    ]
