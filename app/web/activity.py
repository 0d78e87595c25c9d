"""What happened, as a sentence in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from markupsafe import Markup

from app.people import Profile
from app.web.locale import N_, Locale
from projections.activity import ActivityRow

Names = Mapping[UUID, Profile]

RIGHTS = {
    "view": N_("view"),
    "comment": N_("comment"),
    "suggest": N_("suggest changes"),
    "edit": N_("edit"),
    "delete": N_("remove"),
    "manage": N_("manage the plan"),
    "administer": N_("administer"),
}
GROUNDS = {
    "free_expression": N_("freedom of expression and information"),
    "legal_obligation": N_("a law that requires it, or a public task"),
    "public_health": N_("public health"),
    "archiving": N_("archives, research or statistics in the public interest"),
    "legal_claims": N_("legal claims"),
}
"""Why text may stay although its author is erased (GDPR, article 17(3))."""
_SOMEBODY = N_("Somebody")
_FORMER = N_("A former participant")
_UNKNOWN = N_("%(who)s made a change")
_FIXED = {
    "process.started": N_("%(who)s started the process “%(process)s”"),
    "plan.node_described": N_("%(who)s changed the description of “%(node)s”"),
    "plan.node_renamed": N_("%(who)s renamed “%(before)s” to “%(node)s”"),
    "plan.node_disabled": N_("%(who)s took “%(node)s” out of the plan"),
    "plan.node_restored": N_("%(who)s brought “%(node)s” back into the plan"),
    "asset.renamed": N_("%(who)s renamed “%(before)s” to “%(asset)s”"),
    "asset.disabled": N_("%(who)s removed “%(asset)s”"),
    "asset.restored": N_("%(who)s brought “%(asset)s” back"),
    "plan.opened": N_("%(who)s opened the plan"),
    "document.created": N_("%(who)s began the text of “%(asset)s”"),
    "document.version_named": N_("%(who)s named the version “%(name)s” of “%(asset)s”"),
    "document.restored": N_("%(who)s brought back an earlier text of “%(asset)s”"),
}
_ADDED = {
    "phase": N_("%(who)s added the phase “%(node)s”"),
    "objective": N_("%(who)s added the objective “%(node)s”"),
    "task": N_("%(who)s added the task “%(node)s”"),
}
_STATUS = {
    "awaiting": N_("%(who)s set “%(node)s” back to awaiting"),
    "in_progress": N_("%(who)s started work on “%(node)s”"),
    "finished": N_("%(who)s finished “%(node)s”"),
}
_CREATED = {
    "document": N_("%(who)s created the document “%(asset)s” in “%(node)s”"),
    "link": N_("%(who)s added the link “%(asset)s” to “%(node)s”"),
}


def persons_in(rows: Iterable[ActivityRow]) -> set[UUID]:
    """Everyone whose name the rows' sentences need."""
    found: set[UUID] = set()
    for row in rows:
        if row.actor is not None:
            found.add(row.actor)
        if row.data.get("grantee_kind") == "person":
            found.add(UUID(row.data["grantee"]))
    return found


def sentence(row: ActivityRow, names: Names, locale: Locale) -> Markup:
    """What the row tells, with names in bold and links to what it speaks of."""
    values = {
        "who": _name(row.actor, names, locale),
        "process": _link(f"/processes/{row.process}", row.process_title),
        "node": _link(f"/processes/{row.process}/nodes/{row.node}", row.node_title or ""),
        "asset": _asset(row),
        "before": row.data.get("previous_title") or "",
        "name": row.data.get("name") or "",
    }
    special = _SPECIAL.get(row.type)
    if special is not None:
        return special(row, values, names, locale)
    return locale.gettext(_FIXED.get(row.type, _UNKNOWN), **values)


def _name(person: UUID | None, names: Names, locale: Locale) -> Markup:
    return Markup("<strong>{}</strong>").format(name_of(person, names, locale))


def name_of(person: UUID | None, names: Names, locale: Locale) -> str:
    """How somebody is called: by today's name; who has none was erased; None is nobody known."""
    if person is None:
        return locale.gettext(_SOMEBODY)
    profile = names.get(person)
    return profile.name if profile else locale.gettext(_FORMER)


def _link(url: str, title: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, title)


def _asset(row: ActivityRow) -> Markup | str:
    title = row.asset_title or ""
    if row.document is not None:
        return _link(f"/documents/{row.document}", title)
    return _link(f"/processes/{row.process}/nodes/{row.node}", title) if row.node else title


Values = dict[str, Markup | str]


def _described(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    if row.data.get("previous_title") in (None, row.process_title):
        return locale.gettext("%(who)s changed the description of the process “%(process)s”", **values)
    return locale.gettext("%(who)s renamed the process “%(before)s” to “%(process)s”", **values)


def _granted(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    values["grantee"] = _grantee(row, names, locale)
    values["rights"] = locale.join(locale.gettext(RIGHTS[right]) for right in row.data["rights"])
    if row.node is None:
        return locale.gettext("%(who)s gave %(grantee)s the right to: %(rights)s", **values)
    return locale.gettext("%(who)s gave %(grantee)s, in “%(node)s”, the right to: %(rights)s", **values)


def _revoked(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    values["grantee"] = _grantee(row, names, locale)
    if row.node is None:
        return locale.gettext("%(who)s took rights back from %(grantee)s", **values)
    return locale.gettext("%(who)s took rights in “%(node)s” back from %(grantee)s", **values)


def _keeping(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    ground = row.data["ground"]
    if ground is None:
        return locale.gettext("%(who)s decided that whoever is erased may have their text removed", **values)
    values["ground"] = locale.gettext(GROUNDS[ground])
    return locale.gettext("%(who)s decided that text of people who are erased stays: %(ground)s", **values)


def _grantee(row: ActivityRow, names: Names, locale: Locale) -> Markup:
    is_person = row.data["grantee_kind"] == "person"
    return _name(UUID(row.data["grantee"]) if is_person else None, names, locale)


def _added(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    message = _ADDED[row.data["kind"]]
    return locale.gettext(message, **values)


def _moved(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    if row.data.get("parent_title") is None:
        return locale.gettext("%(who)s moved “%(node)s” to another place in the plan", **values)
    values["parent"] = row.data["parent_title"]
    return locale.gettext("%(who)s moved “%(node)s”, now under “%(parent)s”", **values)


def _status(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    message = _STATUS[row.data["status"]]
    return locale.gettext(message, **values)


def _created(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    message = _CREATED[row.data["kind"]]
    return locale.gettext(message, **values)


def _edited(row: ActivityRow, values: Values, names: Names, locale: Locale) -> Markup:
    added, removed = row.data["inserted"], row.data["deleted"]
    values |= {"added": locale.number(added), "removed": locale.number(removed)}
    return locale.ngettext(
        "%(who)s edited “%(asset)s”: +%(added)s −%(removed)s character",
        "%(who)s edited “%(asset)s”: +%(added)s −%(removed)s characters",
        removed or added,
        **values,
    )


_SPECIAL: dict[str, Callable[[ActivityRow, Values, Names, Locale], Markup]] = {
    "process.described": _described,
    "process.right_granted": _granted,
    "process.right_revoked": _revoked,
    "process.keeping_decided": _keeping,
    "plan.node_added": _added,
    "plan.node_moved": _moved,
    "plan.task_status_set": _status,
    "asset.created": _created,
    "document.edited": _edited,
}
