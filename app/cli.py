"""The command line: `interlink serve | migrate | seed | projections | documents | token | check-config`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uvloop
from pydantic import SecretStr

from app import logs
from app.data_dir import exclusive, prepare
from app.database.embedded import EmbeddedPostgresFailed
from app.database.migrate import SchemaTooNew
from app.settings import ConfigurationError, Settings, load
from app.system import System
from domain.errors import DomainError
from realtime.limits import Limits

REFUSALS = (ConfigurationError, EmbeddedPostgresFailed, SchemaTooNew, DomainError)

Command = Callable[[Settings, argparse.Namespace], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a refusal is one line on stderr and exit code 1 (2 for wrong usage)."""
    options = _parser().parse_args(arguments)
    try:
        settings = load()
        logs.configure(format=settings.log_format, level=settings.log_level)
        with ExitStack() as stack:
            if options.needs_data_dir:
                prepare(settings.data_dir)
            if options.serves:
                stack.enter_context(exclusive(settings.data_dir))
            uvloop.run(options.run(settings, options))
    except REFUSALS as error:
        sys.exit(f"interlink: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


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

    async with database(settings) as url, system(settings, url) as running:
        made = await plant(running)
        print(f"{made} demo processes added" if made else "the demo processes are there already")


async def projections_status(settings: Settings, options: argparse.Namespace) -> None:
    """One line for each view."""
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url) as running:
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

    async with database(settings) as url, system(settings, url) as running:
        names = [v.name for v in await running.views.status()] if options.name == "all" else [options.name]
        for options.name in names:
            await running.views.rebuild(options.name, progress)
            print(file=sys.stderr)
            print(f"{options.name} rebuilt")


async def documents_check(settings: Settings, options: argparse.Namespace) -> None:
    """Read documents from the log and the journal, and say what is wrong with them."""
    from app.wiring import checkup

    bad = 0
    async with checkup(settings) as documents:
        chosen = [document async for document in documents.documents()] if options.all else options.document
        if not chosen:
            raise ConfigurationError("name documents, or say --all")
        for document in chosen:
            report = await documents.check(document)
            print("\n".join(report.lines()), flush=True)
            bad += not report.ok
    if bad:
        raise ConfigurationError(f"{bad} of {len(chosen)} documents can't be read whole")


async def documents_quarantine(settings: Settings, options: argparse.Namespace) -> None:
    """Set aside what of a document can't be read, so that the rest works again; nothing is deleted."""
    from app.wiring import checkup

    async with checkup(settings) as documents:
        report = await documents.quarantine(options.document)
    print("\n".join(report.lines()))
    print(f"{len(report.bad)} set aside")


async def documents_release(settings: Settings, options: argparse.Namespace) -> None:
    """Use again what of a document was set aside."""
    from app.wiring import checkup

    async with checkup(settings) as documents:
        print(f"{await documents.release(options.document)} released")


async def token_create(settings: Settings, options: argparse.Namespace) -> None:
    """Make an access token for somebody; prints it once."""
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url) as running:
        profile = await running.people.by_email(options.person)
        if profile is None:
            raise ConfigurationError(f"nobody with the e-mail {options.person} has signed in here")
        expires = datetime.now(UTC) + timedelta(days=options.days)
        _, secret = await running.sign_in.create_token(
            profile.person, name=options.name, scopes=options.scope or ["read"], expires=expires
        )
        print(secret)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interlink", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(to: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, **flags: bool):  # type: ignore[no-untyped-def]
        command = to.add_parser(name, help=run.__doc__)
        command.set_defaults(
            run=run, needs_data_dir=flags.get("data_dir", True), serves=flags.get("serves", False)
        )
        return command

    add(commands, "serve", serve, serves=True).add_argument(
        "--seed", action="store_true", help="first add the demo processes if they are missing"
    )
    add(commands, "migrate", migrate)
    add(commands, "seed", seed)
    add(commands, "check-config", check_config, data_dir=False)
    views = commands.add_parser("projections", help="the read models").add_subparsers(
        required=True, metavar="COMMAND"
    )
    add(views, "status", projections_status)
    add(views, "rebuild", projections_rebuild).add_argument("name", help="a view, or all")
    documents = commands.add_parser("documents", help="what is stored of live documents").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = add(documents, "check", documents_check)
    check.add_argument("document", nargs="*", type=UUID, help="ids of documents")
    check.add_argument("--all", action="store_true", help="every document")
    add(documents, "quarantine", documents_quarantine).add_argument("document", type=UUID)
    add(documents, "release", documents_release).add_argument("document", type=UUID)
    tokens = commands.add_parser("token", help="access tokens").add_subparsers(
        required=True, metavar="COMMAND"
    )
    create = add(tokens, "create", token_create)
    create.add_argument("--person", required=True, metavar="EMAIL")
    create.add_argument("--name", default="command line")
    create.add_argument("--scope", action="append", choices=["read", "write", "live"], help="default: read")
    create.add_argument("--days", type=int, default=90, help="until it expires (default: 90)")
    return parser


if __name__ == "__main__":
    main()
