"""`interlink erase` and `retain`, and `export --person`: what is known of people, and until when."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from app.cli.command import Parsers, add
from app.settings import ConfigurationError, Settings
from domain.person import BASES, FATES

if TYPE_CHECKING:
    from app.system import System


async def erase(settings: Settings, options: argparse.Namespace) -> None:
    """Erase a person: profile, sign-ins, and (if not kept) the text they wrote. It can't be undone."""
    from app.privacy.erasure import erase as erase_person
    from app.wiring import database, system

    if not options.yes and not _confirmed(options):
        raise ConfigurationError("nobody was erased; to erase without being asked, say --yes")
    async with database(settings) as url, system(settings, url, sends=False) as running:
        person = await _person(running, options.person)
        erasure = await erase_person(running, person, basis=options.reason, text=options.text, by=None)
    stays = f"; text stays in {len(erasure.kept)} documents, on legal grounds" if erasure.kept else ""
    print(f"person {erasure.person} is erased{stays}")


async def my_data(settings: Settings, named: str, out: Path) -> None:
    """Write everything that is known of a person into a JSON file that is not there yet."""
    from app.privacy.my_data import my_data as pieces_of
    from app.wiring import database, system

    async with database(settings) as url, system(settings, url, sends=False) as running:
        person = await _person(running, named)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(out, flags, 0o600), "wb") as file:  # noqa: ASYNC230
                async for piece in pieces_of(running, person):
                    file.write(piece)
        except OSError as error:
            raise ConfigurationError(f"{out} can't be written: {error.strerror}") from None
    print(f"written to {out}")


async def retain(settings: Settings, options: argparse.Namespace) -> None:
    """Empty the payloads that were kept as long as RETENTION says; serving does it daily by itself."""
    from app.privacy.periods import expiring, periods
    from app.privacy.retention import retain as empty
    from app.wiring import database, system

    kept = periods(settings.retention)
    if not kept:
        raise ConfigurationError(f"RETENTION is not set; it may name {', '.join(expiring())}")
    quiet = settings.model_copy(update={"retention": ""})
    async with database(settings) as url, system(quiet, url, sends=False) as running:
        found = await empty(running, kept, dry_run=options.dry_run)
    for each in found:
        done = "to be emptied" if options.dry_run else "emptied"
        print(f"{each.type} from before {each.before:%Y-%m-%d}: {each.payloads:,} {done}")


def _confirmed(options: argparse.Namespace) -> bool:
    """Ask on the terminal; without one, nobody has confirmed."""
    if not sys.stdin.isatty():
        return False
    what = "Their text stays." if options.text == "keep" else "The text they wrote goes too."
    answer = input(f"Erase {options.person} for good? {what} Type “erase” to go on: ")
    return answer.strip() == "erase"


async def _person(running: System, named: str) -> UUID:
    """Who is meant by an id or an e-mail; raises ConfigurationError."""
    if "@" not in named:
        try:
            return UUID(named)
        except ValueError:
            raise ConfigurationError("name a person by their id or their e-mail") from None
    profile = await running.people.by_email(named)
    if profile is None:
        raise ConfigurationError("nobody with this e-mail is known here")
    return profile.person


def commands(to: Parsers) -> None:
    """Add them."""
    erasing = add(to, "erase", erase)
    erasing.add_argument("person", metavar="PERSON", help="an id or an e-mail")
    erasing.add_argument(
        "--reason", required=True, choices=BASES, help="the ground, of article 17(1) of the GDPR"
    )
    erasing.add_argument("--text", choices=FATES, default="redact", help="their text (default: redact)")
    erasing.add_argument("--yes", action="store_true", help="don't ask")
    retaining = add(to, "retain", retain)
    retaining.add_argument("--dry-run", action="store_true", help="only tell how many")
