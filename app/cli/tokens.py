"""`interlink token`: access tokens."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from app.cli.command import Parsers, add, group
from app.settings import ConfigurationError, Settings

LONGEST = 36_500  # days


async def token_create(settings: Settings, options: argparse.Namespace) -> None:
    """Make an access token for somebody; prints it once."""
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url, sends=False) as running:
        profile = await running.people.by_email(options.person)
        if profile is None:
            raise ConfigurationError(f"nobody with the e-mail {options.person} has signed in here")
        expires = datetime.now(UTC) + timedelta(days=options.days)
        _, secret = await running.sign_in.create_token(
            profile.person, name=options.name, scopes=options.scope or ["read"], expires=expires
        )
        print(secret)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 0 < int(text) <= LONGEST):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {LONGEST} is needed")
    return int(text)


def commands(to: Parsers) -> None:
    """Add them."""
    create = add(group(to, "token", "access tokens"), "create", token_create)
    create.add_argument("--person", required=True, metavar="EMAIL")
    create.add_argument("--name", default="command line")
    create.add_argument("--scope", action="append", choices=["read", "write", "live"], help="default: read")
    create.add_argument("--days", type=_days, default=90, help="until it expires (default: 90)")
