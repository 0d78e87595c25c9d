"""`interlink tail`: the event log in the terminal, one CloudEvent to a line."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from app.cli.command import Parsers, add
from app.settings import ConfigurationError, Settings
from domain.ports import EventFilter


async def tail(settings: Settings, options: argparse.Namespace) -> None:
    """Print events as they happen, until interrupted; whole, for whoever may run commands here."""
    from app.events.cloud_events import encode
    from app.wiring import database, system

    where = EventFilter(types=tuple(options.type or ()), process=options.process)
    async with database(settings) as url, system(settings, url) as running:
        head = await running.log.head()
        after: int = head if options.after is None else options.after
        if not 0 <= after <= head:
            raise ConfigurationError(f"the log reaches from 0 to {head}; there is no position {after}")
        async for events in running.log.follow(after, where=where):
            for event in events:
                sys.stdout.buffer.write(encode(event, settings.address) + b"\n")
            sys.stdout.buffer.flush()


def commands(to: Parsers) -> None:
    """Add it."""
    command = add(to, "tail", tail)
    command.add_argument("--type", action="append", metavar="TYPE", help="such as document.edited or plan.*")
    command.add_argument(
        "--after", type=int, metavar="POSITION", help="default: only what happens from now on"
    )
    command.add_argument("--process", type=UUID, metavar="ID")
