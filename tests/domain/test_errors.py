"""Every refusal has a stable code and is in the one tree that the module draws."""

from __future__ import annotations

import re

import pytest

from domain import errors
from domain.errors import Conflict, DomainError, Invalid, Unavailable, VersionConflict

ALL = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, DomainError)]


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = re.findall(r"^ *([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    path, parents = ["DomainError"], {"DomainError": "Exception"}
    for indent, name in drawn:
        depth = 2 if "│" in indent else 1
        path[depth:] = [name]
        parents[name] = path[depth - 1]
    assert {found.__name__: found.__base__.__name__ for found in ALL if found.__base__} == parents


def test_codes_are_stable_names_of_one_refusal_each() -> None:
    codes = [found.code for found in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", [found for found in ALL if found is not Unavailable])
def test_a_refusal_may_say_its_own_code_and_field(kind: type[DomainError]) -> None:
    plain, told = kind("why"), kind("why", code="title_missing", field="title")
    assert (str(plain), plain.code, plain.field) == ("why", kind.code, None)
    assert (str(told), told.code, told.field) == ("why", "title_missing", "title")
    assert kind.code != "title_missing", "of this one refusal"


def test_what_is_unavailable_says_when_to_come_back() -> None:
    assert (Unavailable("x").retry_after, Unavailable("x", retry_after=2.5).retry_after) == (1.0, 2.5)
    assert (Unavailable("x").code, Unavailable("x").field) == ("unavailable", None)


def test_who_catches_a_conflict_catches_another_writer_too() -> None:
    with pytest.raises(Conflict):
        raise VersionConflict("x")
    assert not issubclass(VersionConflict, Invalid)
