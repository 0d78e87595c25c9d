"""Retries grow, end, and follow the receiver's wishes within bounds."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions.schedule import (
    DELAYS,
    JITTER,
    LONGEST_WISH,
    Ack,
    Answer,
    Disable,
    Park,
    Retry,
    decide,
    parse_retry_after,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
chances = st.floats(0, 1, exclude_max=True)


def delay_of(attempt: int, answer: Answer, chance: float = 0.0) -> float:
    decision = decide(attempt, answer, chance)
    assert isinstance(decision, Retry)
    return decision.delay


def test_the_schedule_is_the_published_one() -> None:
    failed = Answer(500)
    hours = [delay_of(attempt, failed) / 3600 for attempt in range(1, 10)]
    assert hours == [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert decide(10, failed, 0.0) == Park()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    assert decide(7, Answer(status), 0.5) == Ack()


@given(st.integers(1, 9), st.one_of(st.none(), st.integers(100, 599)), chances)
def test_anything_else_is_tried_again(attempt: int, status: int | None, chance: float) -> None:
    answer = Answer(status, error="timeout" if status is None else None)
    decision = decide(attempt, answer, chance)
    if status is not None and 200 <= status < 300:
        assert decision == Ack()
    elif status == 410:
        assert decision == Disable()
    else:
        assert isinstance(decision, Retry)
        assert DELAYS[attempt] <= decision.delay <= DELAYS[attempt] * (1 + JITTER)
        assert (decision.slow_down > 0) == (status in (429, 503))


def test_a_success_that_broke_off_is_none() -> None:
    assert isinstance(decide(1, Answer(200, error="protocol"), 0.0), Retry)


def test_gone_is_gone_at_any_attempt() -> None:
    assert {decide(attempt, Answer(410), 0.0) for attempt in (1, 5, 10, 99)} == {Disable()}


def test_jitter_spreads() -> None:
    assert delay_of(3, Answer(500), 0.0) < delay_of(3, Answer(500), 0.5) < delay_of(3, Answer(500), 0.99)


@given(st.integers(1, 9), st.floats(0, 1e9), chances)
def test_a_wish_makes_it_longer_within_bounds(attempt: int, wish: float, chance: float) -> None:
    delay = delay_of(attempt, Answer(503, retry_after=wish), chance)
    assert delay >= max(DELAYS[attempt], min(wish, LONGEST_WISH))
    assert delay <= max(DELAYS[attempt], LONGEST_WISH) * (1 + JITTER)


def test_a_busy_receiver_is_left_alone() -> None:
    assert decide(1, Answer(429, retry_after=90), 0.0) == Retry(90, slow_down=90)
    assert decide(1, Answer(503), 0.0) == Retry(5, slow_down=5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), 180.0),
        (format_datetime(NOW - timedelta(days=3), usegmt=True), 0.0),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        ("9" * 101, None),
        ("", None),
    ],
    ids=[
        "none",
        "number",
        "spaces",
        "date",
        "past",
        "negative",
        "float",
        "other digits",
        "word",
        "long",
        "empty",
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_reader(header: str) -> None:
    found = parse_retry_after(header, NOW)
    assert found is None or found >= 0
