"""A process: described, and administered by somebody at every moment."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Conflict, Invalid, NotFound
from domain.process import Process
from domain.rights import RIGHTS
from tests.domain.replay import replayed

ILZE, MARCO, CARMEN = (UUID(int=n) for n in range(1, 4))
FIRST = UUID(int=100)


def a_process() -> Process:
    return Process.start(
        id=uuid4(), title="A", description="", language="lv", administrator=ILZE, permission=FIRST
    )


def test_the_creator_administers() -> None:
    assert a_process().administrators() == {ILZE}


def test_describing_alike_is_no_event() -> None:
    process = a_process()
    version = process.version
    process.describe(title=" A ", description="", language="lv")
    process.describe()
    assert process.version == version
    process.describe(description="Why")
    assert (process.version, process.title, process.description) == (version + 1, "A", "Why")


def test_an_unfit_description_changes_nothing() -> None:
    process = a_process()
    with pytest.raises(Invalid):
        process.describe(title="B", language="not a language")
    assert (process.title, process.version) == ("A", 2)


@pytest.mark.parametrize("right", [right for right in RIGHTS if right != "view"])
def test_every_right_brings_the_right_to_view(right: str) -> None:
    process, permission = a_process(), uuid4()
    process.grant(permission=permission, grantee=MARCO, rights=[right])
    assert process.grants[permission].rights == {"view", right}


@pytest.mark.parametrize("rights", [[], ["everything"], ["view", "fly"]])
def test_unknown_rights_are_refused(rights: list[str]) -> None:
    with pytest.raises(Invalid):
        a_process().grant(permission=uuid4(), grantee=MARCO, rights=rights)


def test_only_a_person_administers_and_only_the_whole() -> None:
    process = a_process()
    with pytest.raises(Invalid):
        process.grant(permission=uuid4(), grantee=MARCO, rights=["administer"], node=uuid4())
    with pytest.raises(Invalid):
        process.grant(permission=uuid4(), grantee=MARCO, rights=["administer"], grantee_kind="team")


def test_a_permission_is_given_once_and_taken_once() -> None:
    process, permission = a_process(), uuid4()
    process.grant(permission=permission, grantee=MARCO, rights=["edit"])
    with pytest.raises(Conflict):
        process.grant(permission=permission, grantee=CARMEN, rights=["view"])
    process.revoke(permission)
    with pytest.raises(NotFound):
        process.revoke(permission)


def test_two_grants_to_the_only_administrator_are_one_too_many() -> None:
    process, again = a_process(), uuid4()
    process.grant(permission=again, grantee=ILZE, rights=["administer"])
    process.revoke(FIRST)
    with pytest.raises(Conflict) as refusal:
        process.revoke(again)
    assert refusal.value.code == "last_administrator"


STEPS = st.lists(
    st.tuples(
        st.sampled_from([ILZE, MARCO, CARMEN]),
        st.sets(st.sampled_from(RIGHTS), min_size=1),
        st.integers(0, 10) | st.none(),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_is_granted_and_revoked_somebody_administers(
    steps: list[tuple[UUID, set[str], int | None]],
) -> None:
    """Each step grants, or revokes the n-th grant there is."""
    process = a_process()
    for number, (grantee, rights, revoked) in enumerate(steps):
        before = process.administrators()
        if revoked is None:
            process.grant(permission=UUID(int=1000 + number), grantee=grantee, rights=rights)
        elif revoked < len(process.grants):
            chosen = list(process.grants.values())[revoked]
            try:
                process.revoke(chosen.permission)
            except Conflict:
                assert before == {chosen.grantee}
        assert process.administrators()
    assert replayed(process) == process
