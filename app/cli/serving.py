"""`interlink serve | migrate | seed | check-config`: the server and its settings."""

from __future__ import annotations

import argparse
from dataclasses import fields

from pydantic import SecretStr

from app.cli.command import Parsers, add
from app.settings import Settings
from app.system import System
from realtime.limits import Limits


async def serve(settings: Settings, options: argparse.Namespace) -> None:
    """Serve until told to stop."""
    from app import server
    from app.seed import seed

    listener = server.listen(settings.host, settings.port)
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})

    async def ready(running: System) -> None:
        if options.seed:
            await seed(running)
        print(f"interlink is at {settings.address}  (Ctrl-C ends it)", flush=True)

    await server.serve(settings, listener, ready)


async def migrate(settings: Settings, options: argparse.Namespace) -> None:
    """Bring the database up to date."""
    from app.wiring import database

    async with database(settings):
        print("the database is up to date")


async def seed(settings: Settings, options: argparse.Namespace) -> None:
    """Add the demo processes."""
    from app.seed import seed as plant
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url, sends=False) as running:
        made = await plant(running)
        print(f"{made} demo processes added" if made else "the demo processes are there already")


async def check_config(settings: Settings, options: argparse.Namespace) -> None:
    """Print every setting, what it is for, and its value (secrets hidden)."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Limits):
            print(f"{'LIVE_…':<20} {'':<28} {field.description}:")
            for limit in fields(value):
                print(f"  LIVE_{limit.name.upper():<32} {getattr(value, limit.name)}")
            continue
        shown = "" if value is None else "(hidden)" if isinstance(value, SecretStr) else str(value)
        print(f"{name.upper():<20} {shown:<28} {field.description}")


def commands(to: Parsers) -> None:
    """Add them."""
    add(to, "serve", serve, serves=True).add_argument(
        "--seed", action="store_true", help="first add the demo processes if they are missing"
    )
    add(to, "migrate", migrate)
    add(to, "seed", seed)
    add(to, "check-config", check_config, data_dir=False)
