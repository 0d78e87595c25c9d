"""Every kind of activity is told in every language, and nothing in it is taken for markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.people import Profile
from app.web.activity import persons_in, sentence
from app.web.locale import LANGUAGES, locale
from domain.plan import KINDS, STATUSES
from domain.process import EXEMPTIONS
from domain.rights import RIGHTS
from projections.activity import VIEW, ActivityRow

ILZE, JANIS = uuid4(), uuid4()
NAMES = {
    ILZE: Profile(ILZE, "ilze@example.org", "Ilze <b>", "lv", "#b3261e"),
    JANIS: Profile(JANIS, "janis@example.org", "Jānis", "lv", "#b3261e"),
}
GRANT = {"grantee": str(JANIS), "grantee_kind": "person", "rights": list(RIGHTS)}
EDIT = {"inserted": 1212, "deleted": 14}
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("process.started", {}, False),
    ("process.described", {"previous_title": "Old"}, False),
    ("process.described", {"previous_title": "Process"}, False),
    ("process.right_granted", GRANT, False),
    ("process.right_granted", GRANT, True),
    ("process.right_revoked", GRANT, False),
    ("process.right_revoked", GRANT, True),
    *[("process.keeping_decided", {"ground": ground}, False) for ground in (None, *EXEMPTIONS)],
    *[("plan.node_added", {"kind": kind}, True) for kind in KINDS],
    ("plan.node_renamed", {"previous_title": "Old"}, True),
    ("plan.node_described", {}, True),
    ("plan.node_moved", {"parent": str(uuid4()), "parent_title": "Objective"}, True),
    ("plan.node_moved", {"parent": None, "parent_title": None}, True),
    *[("plan.task_status_set", {"status": status}, True) for status in STATUSES],
    ("plan.node_disabled", {}, True),
    ("plan.node_restored", {}, True),
    ("asset.created", {"kind": "document"}, True),
    ("asset.created", {"kind": "link"}, True),
    ("asset.renamed", {"previous_title": "Old"}, True),
    ("asset.disabled", {}, True),
    ("asset.restored", {}, True),
    ("document.edited", EDIT, True),
]


def row(type: str, data: dict[str, Any], on_node: bool = True, actor: UUID | None = ILZE) -> ActivityRow:
    asset = type.startswith(("asset.", "document."))
    return ActivityRow(
        position=7,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        actor=actor,
        type=type,
        process=uuid4(),
        process_title="Process",
        node=uuid4() if on_node else None,
        node_title="<script>task</script>" if on_node else None,
        asset=uuid4() if asset else None,
        asset_title="<i>Text</i>" if asset else None,
        document=uuid4() if asset and data.get("kind") != "link" else None,
        data=data,
    )


def test_every_type_of_the_view_has_a_case() -> None:
    assert {type for type, _, _ in CASES} == VIEW.types


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize(("type", "data", "on_node"), CASES)
def test_each_type_is_told(code: str, type: str, data: dict[str, Any], on_node: bool) -> None:
    told = sentence(row(type, dict(data), on_node), NAMES, locale(code))
    assert "<strong>Ilze &lt;b&gt;</strong>" in told
    assert "made a change" not in told
    assert not re.search(r"%\(|\{|None|<script>|<i>", told)
    if "previous_title" in data and data["previous_title"] != "Process":
        assert "Old" in told
    if "grantee" in data:
        assert "<strong>Jānis</strong>" in told


@pytest.mark.parametrize(("type", "data", "on_node"), CASES)
def test_no_two_languages_tell_it_alike(type: str, data: dict[str, Any], on_node: bool) -> None:
    same = row(type, dict(data), on_node)
    assert len({sentence(same, NAMES, locale(code)) for code in LANGUAGES}) == len(LANGUAGES)


def test_edit_names_document_and_counts() -> None:
    told = sentence(row("document.edited", EDIT), NAMES, locale("en"))
    plain = re.sub(r"<[^>]+>", "", told)
    assert plain == "Ilze &lt;b&gt; edited “&lt;i&gt;Text&lt;/i&gt;”: +1,212 −14 characters"


def test_one_character_is_singular() -> None:
    told = sentence(row("document.edited", {"inserted": 1, "deleted": 0}), NAMES, locale("en"))
    assert told.endswith("+1 −0 character")


def test_who_has_no_profile_any_more_is_a_former_participant_and_nobody_is_somebody() -> None:
    erased = sentence(row("asset.disabled", {}, actor=uuid4()), NAMES, locale("lv"))
    assert "<strong>Bijušais dalībnieks</strong>" in erased
    assert "<strong>Kāds</strong>" in sentence(row("asset.disabled", {}, actor=None), NAMES, locale("lv"))
    assert "<strong>Kāds</strong>" in sentence(row("asset.disabled", {}, actor=None), NAMES, locale("lv"))


def test_unknown_type_is_still_told() -> None:
    assert "ha fatto una modifica" in sentence(row("plan.something_new", {}), NAMES, locale("it"))


def test_names_needed_are_those_of_actors_and_grantees() -> None:
    assert persons_in(
        [row("process.right_granted", GRANT, False), row("asset.disabled", {}, actor=None)]
    ) == {
        ILZE,
        JANIS,
    }
