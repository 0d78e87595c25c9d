"""When what failed may be tried again."""

from __future__ import annotations

from uuid import uuid4

from realtime.backoff import Backoff

ONE, OTHER = uuid4(), uuid4()


def test_pauses_double_up_to_a_bound() -> None:
    backoff = Backoff(first=1.0, longest=5.0)
    now, pauses = 100.0, []
    for _ in range(5):
        assert backoff.may_try(ONE, now)
        pauses.append(backoff.failed(ONE, now))
        assert not backoff.may_try(ONE, now + pauses[-1] - 0.01)
        now += pauses[-1]
    assert pauses == [1, 2, 4, 5, 5]
    assert backoff.may_try(OTHER, now), "each for itself"
    assert len(backoff) == 1


def test_what_worked_is_forgotten() -> None:
    backoff = Backoff()
    backoff.failed(ONE, 0.0)
    backoff.failed(ONE, 1.0)
    backoff.worked(ONE)
    backoff.worked(OTHER)
    assert len(backoff) == 0
    assert backoff.may_try(ONE, 1.0)
    assert backoff.failed(ONE, 1.0) == 1.0


def test_a_failure_long_after_the_last_is_a_first_one() -> None:
    backoff = Backoff(first=1.0, longest=5.0)
    backoff.failed(ONE, 0.0)
    assert backoff.failed(ONE, 6.0) == 2.0
    assert backoff.failed(ONE, 13.1) == 1.0
