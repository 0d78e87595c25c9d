"""`interlink backup` and `interlink restore`."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.command import Parsers, add
from app.settings import ConfigurationError, Settings


async def backup(settings: Settings, options: argparse.Namespace) -> None:
    """Write everything the database holds into one file; serving goes on meanwhile."""
    from app.database.dumping import dump
    from app.wiring import database

    async with database(settings) as url:
        await dump(url, options.out)
    print(f"backed up to {options.out}")


async def restore(settings: Settings, options: argparse.Namespace) -> None:
    """Put a backup in the place of everything; who was erased since is erased again."""
    from app.data_dir import is_served
    from app.database.dumping import load
    from app.database.migrate import migrate
    from app.privacy.erasure import erase_again
    from app.wiring import database, system

    if is_served(settings.data_dir):
        raise ConfigurationError("an interlink serves from this DATA_DIR: stop it first")
    async with database(settings) as url:
        if not options.replace:
            await _check_empty(url)
        await load(url, options.file)
        await migrate(url)
        async with system(settings, url, sends=False) as running:
            erased = await erase_again(running)
    print(f"restored from {options.file}; {erased} erased again")


async def _check_empty(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        events = await connection.fetchval("SELECT position FROM log_head")
    finally:
        await connection.close()
    if events:
        raise ConfigurationError(f"{events} events are here already; to lose them, say --replace")


def commands(to: Parsers) -> None:
    """Add them."""
    out = add(to, "backup", backup)
    out.add_argument("--out", required=True, type=Path, metavar="FILE", help="a file that is not there yet")
    back = add(to, "restore", restore)
    back.add_argument("file", type=Path, metavar="FILE", help="made by `interlink backup`")
    back.add_argument("--replace", action="store_true", help="also if there is something already")
