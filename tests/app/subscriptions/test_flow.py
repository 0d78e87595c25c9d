"""More is sent at once the better a receiver answers, and nothing on what is no longer known."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions import flow as flowing
from app.subscriptions.delivery_log import Attempt
from app.subscriptions.flow import AT_ONCE, LARGEST, SMALLEST, Chain, Flow, chained, concluded
from app.subscriptions.outbox import Due, Result
from app.subscriptions.schedule import DELAYS, Answer
from app.subscriptions.webhook import Webhook

HOOK = Webhook(uuid4(), uuid4(), "http://127.0.0.1/", "active")
BATCHES = Webhook(uuid4(), uuid4(), "http://127.0.0.1/", "active", batch=3)


def due(position: int, stream: int = 0, *, attempt: int = 1, replayed: bool = False) -> Due:
    return Due(position, UUID(int=stream), uuid4(), attempt, replayed, 100)


def result(error: str | None = None, *, gone: bool = False, quiet: float = 0.0) -> Result:
    return Result(HOOK, datetime.now(UTC), error=error, gone=gone, quiet=quiet)


@given(st.lists(st.integers(0, 4), max_size=40), st.sampled_from([HOOK, BATCHES]))
def test_all_are_in_one_chain_and_streams_keep_their_order(streams: list[int], hook: Webhook) -> None:
    given_ = [due(position, stream) for position, stream in enumerate(streams)]
    chains = chained(hook, given_)
    sent = [[one for message in chain for one in message] for chain in chains]
    assert sorted((one for chain in sent for one in chain), key=lambda one: one.position) == given_
    assert all(len(message) <= hook.batch for chain in chains for message in chain)
    for stream in set(streams):
        homes = [chain for chain in sent if any(one.stream == UUID(int=stream) for one in chain)]
        assert len(homes) == 1, "a stream is one sender's"
        positions = [one.position for one in homes[0] if one.stream == UUID(int=stream)]
        assert positions == sorted(positions)


def test_it_grows_with_good_answers_and_falls_with_a_bad_one() -> None:
    flow = Flow(HOOK)
    assert flow.at_once == 1
    for _ in range(10):
        flow.answered(result())
        flow.sent(SMALLEST)
    assert (flow.at_once, flow.window) == (AT_ONCE, 11 * SMALLEST)
    flow.answered(result("answered 500"))
    flow.late()
    assert (flow.at_once, flow.window) == (1, 11 * SMALLEST // 2)
    flow.sent(10 * LARGEST)
    assert flow.window == LARGEST


def test_a_few_more_are_not_worth_a_look() -> None:
    flow = Flow(HOOK)
    assert flow.room() == SMALLEST
    flow.in_hand = SMALLEST // 2
    assert flow.room() == SMALLEST - SMALLEST // 2
    flow.in_hand += 1
    assert flow.room() == 0
    assert Flow(Webhook(uuid4(), uuid4(), "", "active", batch=100)).room() == 100


@pytest.mark.parametrize(
    "last", [result("answered 410", gone=True), result("answered 429", quiet=20)], ids=["gone", "busy"]
)
def test_who_wants_no_more_is_sent_no_more(last: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("app.subscriptions.flow.time.monotonic", lambda: now)
    flow, chain = Flow(HOOK), Chain([[due(1)]], {}, seen_at=now)
    assert flow.may_send(chain)
    flow.answered(last)
    assert not flow.may_send(chain)
    assert flow.room() == 0
    now += 21
    assert flow.room() == SMALLEST
    assert not flow.may_send(chain), "that was too long ago"
    assert flow.may_send(Chain([[due(1)]], {}, seen_at=now))


def test_what_was_seen_too_long_ago_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("app.subscriptions.flow.time.monotonic", lambda: now)
    chain = Chain([[due(1)], [due(2), due(3)]], {}, seen_at=now)
    assert [one.position for one in chain.rest(1)] == [2, 3]
    now += flowing.FRESH - 0.01
    assert Flow(HOOK).may_send(chain)
    now += 0.02
    assert not Flow(HOOK).may_send(chain)


def test_what_follows_from_an_answer() -> None:
    message = [due(1), due(2, attempt=len(DELAYS), replayed=True)]
    good = concluded(HOOK, message, Answer(204), 7, DELAYS)
    assert (list(good.delivered), good.error, good.count) == ([one.lease for one in message], None, 2)
    assert good.attempt == Attempt("replay", [1, 2], len(DELAYS), "delivered", 204, None, 7)

    bad = concluded(HOOK, message, Answer(503, retry_after=50.0), 7, DELAYS)
    assert [(one.lease, one.parked) for one in bad.returned] == [
        (message[0].lease, False),
        (message[1].lease, True),
    ]
    assert 50 <= bad.returned[0].delay <= 60
    assert (bad.error, bad.quiet, bad.gone, bad.delivered) == ("answered 503", 50.0, False, [])
    assert bad.attempt is not None
    assert bad.attempt.outcome == "parked"

    gone = concluded(HOOK, message[:1], Answer(410), 7, DELAYS)
    assert (gone.gone, gone.error, gone.count) == (True, "answered 410", 1)
    none = concluded(HOOK, message[:1], Answer(None, error="timeout"), 7, (0.0,))
    assert (none.error, none.returned[0].parked) == ("timeout", True)
