"""Sync status messages, against a client that counts as the stock one does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from realtime.hocuspocus.receipts import Receipts


def test_one_status_for_each_edit() -> None:
    receipts = Receipts()
    receipts.began()
    receipts.edit(step2=True)
    receipts.edit(step2=False)
    receipts.edit(step2=False)
    receipts.handled()
    assert [receipts.answer(True), receipts.answer(True), receipts.answer(False)] == [[True], [True], [False]]


def test_a_step2_that_the_server_wanted_is_not_counted() -> None:
    receipts = Receipts()
    receipts.edit(step2=False)
    receipts.ask()
    receipts.edit(step2=True)
    receipts.handled()
    assert [receipts.answer(True), receipts.answer(True)] == [[True], []]


def test_what_was_not_taken_is_made_good() -> None:
    receipts = Receipts()
    for _ in range(3):
        receipts.edit(step2=False)
        assert receipts.answer(False) == [False]
    receipts.ask()
    receipts.edit(step2=True)
    assert receipts.answer(False) == [], "still not"
    receipts.ask()
    receipts.edit(step2=True)
    receipts.edit(step2=False)
    receipts.handled()
    assert receipts.answer(True) == [True] * 3
    assert receipts.answer(True) == [True]


def test_a_refusal_on_the_spot_does_not_wait_for_its_turn() -> None:
    receipts = Receipts()
    receipts.ask()
    receipts.edit(step2=True)
    receipts.handled()
    receipts.edit(step2=False)
    assert receipts.answer(False) == [False]
    assert receipts.answer(True) == [], "that was the first"


def test_what_nobody_looked_at_is_made_good() -> None:
    receipts = Receipts()
    receipts.missed_edit()
    receipts.missed_step1()
    receipts.missed_edit()
    receipts.missed_edit()
    receipts.ask()
    receipts.edit(step2=True)
    assert receipts.answer(True) == [True] * 3


@dataclass
class Client:
    """Counts as the stock client does."""

    receipts: Receipts = field(default_factory=Receipts)
    count: int = 0
    wrote: int = 0
    durable: set[int] = field(default_factory=set)
    on_their_way: deque[set[int]] = field(default_factory=deque)
    sure: bool = True  # it has not begun to count anew while edits were on their way

    def sync(self) -> None:
        """It sends a step1, gets one, and answers."""
        self.sure = self.sure and not self.on_their_way
        self.count = 1
        self.receipts.began()
        self._step2()

    def write(self) -> None:
        self._write()
        self.receipts.edit(step2=False)
        self.receipts.handled()
        self.on_their_way.append({self.wrote})

    def overlooked(self) -> None:
        self._write()
        self.receipts.missed_edit()

    def refused_at_once(self) -> None:
        self._write()
        self.receipts.edit(step2=False)
        self._told(self.receipts.answer(False))
        self.receipts.handled()

    def asked(self) -> None:
        self.receipts.ask()
        self._step2()

    def take(self) -> None:
        if self.on_their_way:
            self.durable |= self.on_their_way.popleft()
            self._told(self.receipts.answer(True))

    def refuse(self) -> None:
        if self.on_their_way:
            self.on_their_way.popleft()
            self._told(self.receipts.answer(False))

    def _write(self) -> None:
        self.wrote += 1
        self.count += 1

    def _step2(self) -> None:
        self.receipts.edit(step2=True)
        self.receipts.handled()
        self.on_their_way.append(set(range(1, self.wrote + 1)))

    def _told(self, statuses: list[bool]) -> None:
        for taken in statuses:
            if taken and self.count:
                self.count -= 1

    @property
    def all_durable(self) -> bool:
        return len(self.durable) == self.wrote


steps = st.lists(
    st.sampled_from(
        ["sync", "write", "write", "asked", "overlooked", "take", "take", "refuse", "refused_at_once"]
    ),
    max_size=40,
)


@given(steps)
def test_the_count_is_zero_only_when_all_is_durable_and_gets_there(does: list[str]) -> None:
    client = Client()
    client.sync()
    for step in does:
        getattr(client, step)()
        if client.sure and not client.count:
            assert client.all_durable
    client.asked()
    while client.on_their_way:
        client.take()
    assert client.all_durable
    assert client.count == 0
