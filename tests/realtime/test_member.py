"""A member is what the door said of it, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from realtime.member import Member
from tests.realtime.peers import admission


def test_it_is_who_was_admitted() -> None:
    admitted = replace(admission(uuid4()), credential=uuid4())
    member = Member.of(admitted)
    assert (member.person, member.connection) == (admitted.person, admitted.session)
    assert (member.name, member.colour) == (admitted.name, admitted.colour)
    assert member.credential == admitted.credential
    assert member.may_edit
    assert not member.read_only
    assert not member.lingers


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("may_edit", [False, True])
def test_a_read_only_connection_never_writes_whoever_holds_it(may_edit: bool, read_only: bool) -> None:
    member = Member.of(replace(admission(uuid4(), may_edit=may_edit), read_only=read_only))
    assert member.may_edit == (may_edit and not read_only)
    assert member.read_only == read_only


def test_two_connections_of_one_person_are_two() -> None:
    admitted = admission(uuid4())
    one, two = Member.of(admitted), Member.of(admitted)
    one.clients.add(7)
    assert two.clients == set()
    assert len({one, two}) == 2
