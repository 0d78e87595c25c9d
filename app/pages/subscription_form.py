"""The form of a subscription: what its owner chose on it, and back from what is stored.

Which events are wanted is chosen by groups and a process. What that cannot say is a filter in JSON, in
the dialects of CloudEvents; if one is given, it counts alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.events.filters import Filter
from app.pages.form import Form
from app.pages.moment import as_rfc3339, place
from app.pages.page import Page
from app.subscriptions.subscription import Kind
from app.subscriptions.webhook import BATCH, checked_url
from app.web.locale import N_
from domain.errors import Invalid

GROUPS = {
    "process": N_("The process and its people"),
    "plan": N_("The plan"),
    "asset": N_("Documents and links"),
    "document": N_("Texts of documents"),
    "person": N_("That somebody was erased"),
    "payloads": N_("That contents were removed when their time was over"),
    "access": N_("What programs read"),
}
_NO_PROCESS = frozenset({"person", "payloads"})  # groups whose events belong to none
FILTER_LENGTH = 20_000  # characters
STARTS = ("now", "beginning", "position", "time")
LEASE = (1, 43_200)  # seconds
DELIVERIES = (1, 1_000)
BATCHES = (1, BATCH)


@dataclass(frozen=True)
class Chosen:
    """What the form says of a filter. `custom`: the filter as JSON, if the rest cannot say it."""

    groups: Collection[str] = ()
    process: UUID | None = None
    custom: str = ""


def filter_of(groups: Collection[str], process: UUID | None) -> Filter:
    """The filter that lets through these groups' events of one process; no group, no process: everything."""
    here = [] if process is None else [{"exact": {"process": str(process)}}]
    within = [_prefix(group) for group in GROUPS if group in groups and group not in _NO_PROCESS]
    apart = [_prefix(group) for group in GROUPS if group in groups and group in _NO_PROCESS]
    if not apart:
        return Filter.parse([*_any(within), *here])
    if process is None:
        return Filter.parse(_any([*within, *apart]))
    return Filter.parse(_any([*([{"all": [*_any(within), *here]}] if within else []), *apart]))


def _prefix(group: str) -> dict[str, Any]:
    return {"prefix": {"type": f"{group}."}}


def _any(expressions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return expressions if len(expressions) < 2 else [{"any": expressions}]


def chosen(filter: Filter) -> Chosen:
    """How the form says this filter."""
    spelled = filter.to_json()
    groups = [group for group in GROUPS if _mentions(spelled, "prefix", "type", f"{group}.")]
    process = _process(spelled)
    if filter_of(groups, process) == filter:
        return Chosen(groups, process)
    return Chosen(custom=json.dumps(spelled, ensure_ascii=False, indent=2))


def _comparisons(spelled: Any) -> list[tuple[str, Mapping[str, str]]]:
    if isinstance(spelled, list):
        return [found for one in spelled for found in _comparisons(one)]
    [(dialect, value)] = spelled.items()
    return _comparisons(value) if dialect in ("all", "any", "not") else [(dialect, value)]


def _mentions(spelled: Any, dialect: str, attribute: str, text: str) -> bool:
    return any(name == dialect and value.get(attribute) == text for name, value in _comparisons(spelled))


def _process(spelled: Any) -> UUID | None:
    for dialect, value in _comparisons(spelled):
        if dialect == "exact" and "process" in value:
            try:
                return UUID(value["process"])
            except ValueError:
                return None
    return None


def wanted(form: Form) -> Filter:
    """The filter that was chosen or typed; raises Invalid (`filter_invalid`, `process_unknown`)."""
    typed = form["filter"].strip()
    if not typed:
        groups = [group for group in GROUPS if form[f"group-{group}"]]
        return filter_of(groups, form.uuid("process", "process_unknown"))
    try:
        if len(typed) > FILTER_LENGTH:
            raise ValueError("too long")
        return Filter.parse(json.loads(typed))
    except (ValueError, RecursionError, Invalid):
        raise Invalid("no CloudEvents filter", code="filter_invalid", field="filter") from None


async def start_of(page: Page, form: Form, field: str) -> tuple[str, int]:
    """Where to begin, as it was asked for and as a log position; raises Invalid at the field to mend."""
    match form[field]:
        case "beginning":
            return "beginning", 0
        case "now":
            return "now", await page.system.log.head()
        case "position":
            asked = form[f"{field}-position"].strip()
            return asked, await place(page, asked if asked.isdecimal() else "", f"{field}-position")
        case "time":
            asked = as_rfc3339(form[f"{field}-time"])
            return asked, await place(page, asked, f"{field}-time", code="time_unknown")
    raise Invalid("no such beginning", code="kind_unknown", field=field)


def settings(page: Page, form: Form, kind: Kind) -> dict[str, Any]:
    """The kind's own settings; raises Invalid at the field to mend."""
    if kind == "pull":
        return {
            "lease_seconds": whole(form, "lease", LEASE),
            "max_deliveries": whole(form, "deliveries", DELIVERIES),
        }
    allowed = page.system.settings.webhook_allow_private
    url = checked_url(form["url"].strip(), allow_private=allowed)
    return {"url": url, "batch": whole(form, "batch", BATCHES), "thin": form["thin"] == "yes"}


def whole(form: Form, field: str, bounds: tuple[int, int]) -> int:
    """A whole number within bounds, both included; raises Invalid."""
    text = form[field].strip()
    low, high = bounds
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high):
        raise Invalid(f"{field} is from {low} to {high}", code="number_invalid", field=field)
    return int(text)
