"""`interlink projections`: the read models."""

from __future__ import annotations

import argparse
import sys

from app.cli.command import Parsers, add, group
from app.settings import Settings


async def projections_status(settings: Settings, options: argparse.Namespace) -> None:
    """One line for each view."""
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url, sends=False) as running:
        print(f"{'view':<12} {'position':>10} {'behind':>8}  state")
        for view in await running.views.status():
            print(f"{view.name:<12} {view.position:>10} {view.lag_events:>8}  {view.error or 'ok'}")


async def projections_rebuild(settings: Settings, options: argparse.Namespace) -> None:
    """Build a view anew beside the live one, then switch."""
    from app.wiring import database, system

    def progress(done: int, total: int) -> None:
        share = done / total if total else 1.0
        bar = ("#" * int(share * 40)).ljust(40, ".")
        print(f"\r{options.name} [{bar}] {done}/{total}", end="", file=sys.stderr, flush=True)

    async with database(settings) as url, system(settings, url, sends=False) as running:
        names = [v.name for v in await running.views.status()] if options.name == "all" else [options.name]
        for options.name in names:
            await running.views.rebuild(options.name, progress)
            print(file=sys.stderr)
            print(f"{options.name} rebuilt")


def commands(to: Parsers) -> None:
    """Add them."""
    views = group(to, "projections", "the read models")
    add(views, "status", projections_status)
    add(views, "rebuild", projections_rebuild).add_argument("name", help="a view, or all")
