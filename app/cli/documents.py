"""`interlink documents`: what is stored of live documents."""

from __future__ import annotations

import argparse
from uuid import UUID

from app.cli.command import Parsers, add, group
from app.settings import ConfigurationError, Settings


async def documents_check(settings: Settings, options: argparse.Namespace) -> None:
    """Read documents from the log and the journal, and say what is wrong with them."""
    from app.wiring import checkup

    bad = 0
    async with checkup(settings) as documents:
        chosen = [document async for document in documents.documents()] if options.all else options.document
        if not chosen and not options.all:
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


def commands(to: Parsers) -> None:
    """Add them."""
    documents = group(to, "documents", "what is stored of live documents")
    check = add(documents, "check", documents_check)
    check.add_argument("document", nargs="*", type=UUID, help="ids of documents")
    check.add_argument("--all", action="store_true", help="every document")
    add(documents, "quarantine", documents_quarantine).add_argument("document", type=UUID)
    add(documents, "release", documents_release).add_argument("document", type=UUID)
