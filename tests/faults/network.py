"""A bus in one process that loses, doubles, delays and cuts as it is told. Implements realtime.ports.Bus."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

Heard = Callable[[UUID, bytes], None]


@dataclass
class Weather:
    """Shares of messages that are lost, come twice, or come late (up to `late_by` seconds)."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_by: float = 0.05


class Network:
    """What connects the nodes of one run."""

    def __init__(self, chance: random.Random, weather: Weather | None = None) -> None:
        self.chance = chance
        self.weather = weather or Weather()
        self.nodes: list[LocalBus] = []
        self.messages = 0

    def node(self) -> LocalBus:
        """A new node's end of it."""
        bus = LocalBus(self)
        self.nodes.append(bus)
        return bus

    def carry(self, sender: LocalBus, document: UUID, data: bytes) -> None:
        """Bring a message to the others, as the weather is."""
        for bus in self.nodes:
            if bus is sender or bus.cut:
                continue
            if self.chance.random() < self.weather.lost:
                continue
            for _ in range(1 + (self.chance.random() < self.weather.doubled)):
                self.messages += 1
                if self.chance.random() < self.weather.late:
                    delay = self.chance.uniform(0, self.weather.late_by)
                else:
                    delay = 0
                asyncio.get_running_loop().call_later(delay, bus.deliver, document, sender.node, data)


class LocalBus:
    """One node's end. `cut`: nothing goes out or comes in; `silent_cut`: it does not even notice."""

    def __init__(self, network: Network) -> None:
        self.node = uuid4()
        self.cut = False
        self.silent = False
        self.before_publish: Callable[[], None] = lambda: None
        self._network = network
        self._heard: dict[UUID, tuple[Heard, Callable[[], None]]] = {}

    @property
    def up(self) -> bool:
        return not self.cut or self.silent

    def publish(self, document: UUID, data: bytes) -> None:
        self.before_publish()
        if not self.cut:
            self._network.carry(self, document, data)

    def subscribe(self, document: UUID, heard: Heard, subscribed: Callable[[], None]) -> None:
        self._heard[document] = (heard, subscribed)
        if not self.cut:
            asyncio.get_running_loop().call_soon(self._begin, document, subscribed)

    def unsubscribe(self, document: UUID) -> None:
        self._heard.pop(document, None)

    def deliver(self, document: UUID, sender: UUID, data: bytes) -> None:
        if not self.cut and document in self._heard:
            self._heard[document][0](sender, data)

    def sever(self, *, silent: bool = False) -> None:
        """Cut this node off; `silent`: it goes on believing that it is heard."""
        self.cut, self.silent = True, silent

    def heal(self) -> None:
        """Connect it again; only who noticed the cut is told that listening begins anew."""
        noticed, self.cut, self.silent = not self.silent, False, False
        if noticed:
            for _, subscribed in list(self._heard.values()):
                subscribed()

    def _begin(self, document: UUID, subscribed: Callable[[], None]) -> None:
        if not self.cut and document in self._heard:
            subscribed()
