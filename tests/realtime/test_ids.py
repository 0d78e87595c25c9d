"""Sets of ids against plain sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from realtime.ids import IdSet

spans = st.tuples(st.integers(1, 2), st.integers(0, 30), st.integers(1, 10)).map(
    lambda t: (t[0], t[1], t[1] + t[2])
)


@given(st.lists(spans, max_size=15), spans)
def test_missing_is_what_was_not_added(
    added: list[tuple[int, int, int]], asked: tuple[int, int, int]
) -> None:
    plain = {(client, clock) for client, start, end in added for clock in range(start, end)}
    gaps = IdSet(added).missing(asked)
    client, start, end = asked
    expected = [clock for clock in range(start, end) if (client, clock) not in plain]
    assert [clock for _, first, last in gaps for clock in range(first, last)] == expected
    assert all(one[2] < other[1] for one, other in pairwise(gaps)), "runs are whole"
