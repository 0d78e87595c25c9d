"""The queue against a model of it in plain Python: whatever happens in whatever order, they agree."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.database.postgres import Pool, connect_pool
from app.subscriptions import feeding
from app.subscriptions.queue import Counts, Queue
from app.subscriptions.store import Subscriptions
from domain.errors import Conflict

MOST = 3  # deliveries before something is parked
FAR = 3600.0  # seconds
STREAMS = [UUID(int=n) for n in range(1, 4)]
ANY = st.integers(0, 10_000)  # which of some things, modulo how many there are

T = TypeVar("T")


@dataclass
class Delivery:
    """What the model knows of one."""

    stream: UUID
    state: str = "pending"
    attempts: int = 0
    replayed: bool = False
    due: bool = True
    lease: str | None = None
    over: bool = False  # its lease has run out

    def end(self, state: str, *, due: bool = True) -> None:
        self.state, self.due, self.lease, self.over = state, due, None, False

    def again(self) -> None:
        self.attempts = 0
        self.end("pending")


class Model:
    """A subscription with what it has to deliver, by position."""

    def __init__(self) -> None:
        self.open: dict[int, Delivery] = {}
        self.log: list[UUID] = []  # the stream of each position, from 1
        self.cursor = 0
        self.active = True
        self.replaying: tuple[int, int] | None = None

    def by_lease(self, lease: str) -> Delivery | None:
        return next((one for one in self.open.values() if one.lease == lease), None)

    def due(self, most: int) -> list[int]:
        """The positions that are leased next; parks what ran out of its last lease."""
        if not self.active:
            return []
        for one in self.open.values():
            if one.state == "leased" and one.over and one.attempts >= MOST:
                one.end("parked")
        found: list[int] = []
        for stream in STREAMS:
            waiting = [p for p, one in sorted(self.open.items()) if one.stream == stream]
            waiting = [p for p in waiting if self.open[p].state != "parked"]
            taken = any(self.open[p].state == "leased" and not self.open[p].over for p in waiting)
            if waiting and not taken and (self.open[waiting[0]].due or self.open[waiting[0]].over):
                found.append(waiting[0])
        return sorted(found)[:most]

    def feed(self, positions: Sequence[int], *, replayed: bool) -> None:
        for position in positions:
            one = self.open.setdefault(position, Delivery(self.log[position - 1], replayed=replayed))
            if one.state == "parked":
                one.again()
                one.replayed = one.replayed or replayed


class QueueMachine(RuleBasedStateMachine):
    """Does the same to both."""

    runner: asyncio.Runner
    pool: Pool

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.queue, self.store, self.model = Queue(self.pool), Subscriptions(self.pool), Model()
        self.owner, self.id = uuid4(), uuid4()
        self.handed: list[str] = []
        self.run(self._make())

    async def _make(self) -> None:
        await self.pool.execute(
            "INSERT INTO persons (id, email, name, language, colour) VALUES ($1, $2, 'A', 'en', '#000000')",
            self.owner,
            f"{self.owner.hex}@example.org",
        )
        await self.pool.execute(
            """INSERT INTO subscriptions (id, owner, kind, name, start, cursor, settings)
            VALUES ($1, $2, 'pull', 'Some', 'now', 0, jsonb_build_object('max_deliveries', $3::int))""",
            self.id,
            self.owner,
            MOST,
        )

    @rule(streams=st.lists(st.sampled_from(STREAMS), min_size=1, max_size=4))
    def happen(self, streams: list[UUID]) -> None:
        """Events in the log; the feeder brings what is new."""
        self.model.log += streams
        self._feed()

    def _feed(self) -> None:
        positions = list(range(self.model.cursor + 1, len(self.model.log) + 1))
        self.run(self._brought(positions))
        if self.model.active:
            self.model.feed(positions, replayed=False)
            self.model.cursor = len(self.model.log)

    async def _brought(self, positions: list[int]) -> None:
        row = await self.pool.fetchrow("SELECT revision, cursor FROM subscriptions WHERE id = $1", self.id)
        assert row is not None
        assert row["cursor"] == self.model.cursor
        reached, streams = len(self.model.log), [self.model.log[p - 1] for p in positions]
        many = [self.id] * len(positions)
        await self.pool.execute(
            feeding._FEED,
            [self.id],
            [row["revision"]],
            [row["cursor"]],
            [reached],
            many,
            positions,
            streams,
        )

    @rule(most=st.integers(1, 4))
    def lease(self, most: int) -> None:
        wanted = self.model.due(most)
        leased = self.run(self.queue.lease(self.id, max=most, seconds=FAR))
        assert [one.position for one in leased] == wanted
        for one in leased:
            known = self.model.open[one.position]
            known.attempts += 1
            known.state, known.lease, known.over = "leased", one.ack_id, False
            assert (one.attempt, one.replayed) == (known.attempts, known.replayed)
            self.handed.append(one.ack_id)

    def _some(self, which: int) -> tuple[str, Delivery | None]:
        """A lease that was given once, and what it is for if it is still good."""
        lease = self.handed[which % len(self.handed)]
        return lease, self.model.by_lease(lease)

    @precondition(lambda self: self.handed)
    @rule(which=ANY, skip=st.booleans())
    def ack(self, which: int, skip: bool) -> None:
        lease, known = self._some(which)
        if skip:
            assert self.run(self.queue.skip(self.id, lease)) == (known is not None)
        else:
            assert self.run(self.queue.ack(self.id, [lease, "none"])) == (known is not None)
        self.model.open = {p: one for p, one in self.model.open.items() if one is not known}

    @precondition(lambda self: self.handed)
    @rule(which=ANY, later=st.booleans())
    def nack(self, which: int, later: bool) -> None:
        lease, known = self._some(which)
        done = self.run(self.queue.nack(self.id, lease, delay=FAR if later else 0, error="no"))
        assert done == (known is not None)
        if known is not None:
            known.end("parked" if known.attempts >= MOST else "pending", due=not later)

    @precondition(lambda self: self.handed)
    @rule(which=ANY)
    def park(self, which: int) -> None:
        lease, known = self._some(which)
        assert self.run(self.queue.park(self.id, lease, error="never")) == (known is not None)
        if known is not None:
            known.end("parked")

    @precondition(lambda self: self.handed)
    @rule(which=ANY)
    def release(self, which: int) -> None:
        lease, known = self._some(which)
        self.run(self.queue.release(self.id, [lease]))
        if known is not None:
            known.attempts -= 1
            known.end("pending")

    @precondition(lambda self: self.handed)
    @rule(which=ANY)
    def extend(self, which: int) -> None:
        lease, known = self._some(which)
        assert self.run(self.queue.extend(self.id, lease, seconds=FAR)) == (known is not None)
        if known is not None:
            known.over = False

    @precondition(lambda self: self.handed)
    @rule(which=ANY)
    def time_out(self, which: int) -> None:
        lease, known = self._some(which)
        self.run(
            self.pool.execute(
                "UPDATE deliveries SET leased_until = now() - interval '1 s' WHERE lease = $1", UUID(lease)
            )
        )
        if known is not None:
            known.over = True

    @rule()
    def wait(self) -> None:
        """What was put off is due."""
        self.run(
            self.pool.execute(
                "UPDATE deliveries SET due_at = now() WHERE subscription = $1 AND state = 'pending'", self.id
            )
        )
        for one in self.model.open.values():
            one.due = True

    @rule(every=st.booleans(), which=ANY)
    def replay_parked(self, every: bool, which: int) -> None:
        parked = [p for p, one in sorted(self.model.open.items()) if one.state == "parked"]
        wanted = parked if every else [p for p in parked if p == which % (len(self.model.log) + 1)]
        asked = None if every else [which % (len(self.model.log) + 1)]
        assert self.run(self.queue.replay_parked(self.id, asked)) == len(wanted)
        for position in wanted:
            self.model.open[position].again()
            self.model.open[position].replayed = True

    @rule()
    def pause(self) -> None:
        self.run(self.store.pause(self.owner, self.id))
        self.model.active = False

    @rule()
    def resume(self) -> None:
        self.run(self.store.resume(self.owner, self.id, None))
        self.model.active = True
        self._feed()

    @rule(which=ANY)
    def seek(self, which: int) -> None:
        position = which % (len(self.model.log) + 1)
        self.run(self.store.seek(self.owner, self.id, position))
        self.model.open = {p: one for p, one in self.model.open.items() if one.state == "parked"}
        self.model.cursor, self.model.replaying = position, None
        self._feed()

    @precondition(lambda self: self.model.log)
    @rule(first=ANY, more=st.integers(0, 3))
    def replay(self, first: int, more: int) -> None:
        first = first % len(self.model.log) + 1
        if self.model.replaying is not None:
            with pytest.raises(Conflict):
                self.run(self.store.replay(self.owner, self.id, first, first + more))
            return
        self.run(self.store.replay(self.owner, self.id, first, first + more))
        self.model.replaying = (first - 1, min(first + more, self.model.cursor))

    @precondition(lambda self: self.model.replaying is not None)
    @rule()
    def replay_goes_on(self) -> None:
        assert self.model.replaying is not None
        after, through = self.model.replaying
        positions = list(range(after + 1, through + 1))
        self.run(self._replayed(after, max(after, through), positions))
        if self.model.active:
            self.model.feed(positions, replayed=True)
            self.model.replaying = None

    async def _replayed(self, after: int, reached: int, positions: list[int]) -> None:
        revision = await self.pool.fetchval("SELECT revision FROM subscriptions WHERE id = $1", self.id)
        streams = [self.model.log[position - 1] for position in positions]
        await self.pool.execute(feeding._REPLAY, self.id, revision, after, reached, positions, streams)

    @invariant()
    def agree(self) -> None:
        rows = self.run(self._rows())
        assert {
            row["position"]: (row["state"], row["attempts"], row["replayed"], row["lease"]) for row in rows
        } == {
            position: (one.state, one.attempts, one.replayed, one.lease)
            for position, one in self.model.open.items()
        }
        states = [one.state for one in self.model.open.values()]
        counts = self.run(self.queue.counts(self.id))
        pending, leased, parked = (states.count(state) for state in ("pending", "leased", "parked"))
        assert (counts.pending, counts.leased, counts.parked) == (pending, leased, parked)
        assert isinstance(counts, Counts)

    async def _rows(self) -> list[asyncpg.Record]:
        return await self.pool.fetch(
            "SELECT position, state, attempts, replayed, lease::text FROM deliveries WHERE subscription = $1",
            self.id,
        )


def test_the_queue_does_as_its_model(database: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(connect_pool(database, size=2))
        machine = type("BoundQueueMachine", (QueueMachine,), {"runner": runner, "pool": pool})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=15,
                    stateful_step_count=40,
                    deadline=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(pool.close())
