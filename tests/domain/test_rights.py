"""Rights out of grants: the most specific wins for each grantee, then all are united."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.rights import ALL, RIGHTS, Grant, deciding, effective, sees_any

ME, CITIZENS, CITY, OTHERS = (UUID(int=n) for n in range(1, 5))
MINE = (ME, CITIZENS, CITY)
PHASE, OBJECTIVE, TASK, ELSEWHERE = (UUID(int=n) for n in range(11, 15))
PATH = (PHASE, OBJECTIVE, TASK)
PATHS = st.sampled_from([PATH[:depth] for depth in range(4)])
LESSER = [right for right in RIGHTS if right != "administer"]


def grant(grantee: UUID, rights: set[str], node: UUID | None = None, number: int = 0) -> Grant:
    kind = "person" if grantee == ME else "team"
    return Grant(UUID(int=1000 + number), grantee, kind, node, frozenset(rights))  # type: ignore[arg-type]


def grants(*grantees: UUID) -> st.SearchStrategy[list[Grant]]:
    one = st.builds(
        grant,
        st.sampled_from(grantees),
        st.sets(st.sampled_from(LESSER), min_size=1),
        st.sampled_from([None, *PATH, ELSEWHERE]),
    )
    return st.lists(one, max_size=8)


def test_no_grant_no_right() -> None:
    assert effective([], MINE, PATH) == frozenset()


def test_a_grant_holds_at_its_node_and_below_and_not_above_or_beside() -> None:
    held = [grant(ME, {"view", "edit"}, OBJECTIVE)]
    assert effective(held, [ME], (PHASE,)) == frozenset()
    assert effective(held, [ME], (PHASE, ELSEWHERE)) == frozenset()
    assert effective(held, [ME], (PHASE, OBJECTIVE)) == {"view", "edit"}
    assert effective(held, [ME], PATH) == {"view", "edit"}


def test_the_most_specific_grant_of_one_grantee_wins_even_if_it_gives_less() -> None:
    held = [grant(ME, {"view", "edit", "manage"}), grant(ME, {"view"}, PHASE)]
    for order in (held, held[::-1]):
        assert effective(order, [ME], ()) == {"view", "edit", "manage"}
        assert effective(order, [ME], (PHASE,)) == {"view"}
        assert effective(order, [ME], PATH) == {"view"}


def test_a_narrower_grant_of_one_team_leaves_what_another_gives() -> None:
    held = [grant(CITY, {"view", "edit"}), grant(CITIZENS, {"view"}, TASK)]
    assert effective(held, MINE, PATH) == {"view", "edit"}


def test_grants_on_the_same_node_add_up() -> None:
    held = [grant(ME, {"view"}, PHASE), grant(ME, {"edit"}, PHASE), grant(ME, {"delete"})]
    for order in (held, held[::-1]):
        assert effective(order, [ME], PATH) == {"view", "edit"}


@given(grants(*MINE, OTHERS), PATHS)
def test_grants_to_others_change_nothing(held: list[Grant], path: tuple[UUID, ...]) -> None:
    mine = [one for one in held if one.grantee != OTHERS]
    assert effective(held, MINE, path) == effective(mine, MINE, path)


@given(grants(ME, CITIZENS), grants(CITY), PATHS)
def test_what_another_team_gets_never_takes_a_right_away(
    before: list[Grant], more: list[Grant], path: tuple[UUID, ...]
) -> None:
    assert effective(before, MINE, path) <= effective([*before, *more], MINE, path)


@given(grants(*MINE, OTHERS), st.sets(st.sampled_from(MINE)), PATHS)
def test_together_grantees_hold_what_each_holds(
    held: list[Grant], some: set[UUID], path: tuple[UUID, ...]
) -> None:
    alone = [effective(held, [one], path) for one in some]
    assert effective(held, some, path) == frozenset().union(*alone)


@given(grants(*MINE), PATHS, st.randoms())
def test_the_order_of_grants_does_not_matter(
    held: list[Grant], path: tuple[UUID, ...], random: object
) -> None:
    shuffled = list(held)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert effective(shuffled, MINE, path) == effective(held, MINE, path)


@given(grants(ME), PATHS)
def test_the_deepest_grant_on_the_path_is_the_one_that_counts(
    held: list[Grant], path: tuple[UUID, ...]
) -> None:
    """The same rule, told the slow way."""
    expected: frozenset[str] = frozenset()
    for node in (None, *path):
        here = [one.rights for one in held if one.node == node]
        expected = frozenset().union(*here) if here else expected
    assert effective(held, [ME], path) == expected


@given(grants(*MINE), PATHS, st.integers(0, 8))
def test_who_administers_holds_everything(held: list[Grant], path: tuple[UUID, ...], place: int) -> None:
    held.insert(place, grant(ME, {"administer"}))
    assert effective(held, MINE, path) == ALL
    assert effective(held, [OTHERS], path) == frozenset()


def test_who_may_view_any_node_sees_the_process() -> None:
    assert sees_any([grant(ME, {"view"}, TASK)], [ME])
    assert sees_any([grant(ME, {"administer"})], [ME])
    assert not sees_any([grant(CITY, {"view"}, TASK)], [ME])
    assert not sees_any([], [ME])


@given(grants(*MINE, OTHERS), PATHS)
def test_the_deciding_grants_give_the_same_rights_alone(held: list[Grant], path: tuple[UUID, ...]) -> None:
    found = deciding(held, MINE, path)
    assert effective(found, MINE, path) == effective(held, MINE, path)
    assert all(one in held and one.grantee in MINE for one in found)
    for one in found:  # none of them is there in vain
        assert one.rights <= effective(held, MINE, path)


def test_who_administers_does_so_by_that_grant_alone() -> None:
    administers = grant(ME, {"administer"}, number=1)
    assert deciding([grant(ME, {"view"}, TASK), administers], MINE, PATH) == [administers]
    assert deciding([], MINE, PATH) == []
