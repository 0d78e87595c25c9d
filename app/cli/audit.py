"""`interlink export` and `interlink verify`: the log, or what is known of a person, in a file; what holds."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from app.cli.command import Parsers, add
from app.cli.privacy import my_data
from app.data_dir import prepare
from app.settings import ConfigurationError, Settings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from app.audit.verify import Report
    from app.database.postgres import Pool


class VerificationFailed(ConfigurationError):
    """Something does not hold; the message names the first thing, and the position."""


async def export(settings: Settings, options: argparse.Namespace) -> None:
    """Write the log or a process of it with all that proves it, or what is known of a person, to a file."""
    if options.person is not None:
        await my_data(settings, options.person, options.out)
    else:
        await _archive(settings, options)


async def _archive(settings: Settings, options: argparse.Namespace) -> None:
    from app.audit.export import export as write
    from app.audit.own import evidence

    async with _pool(settings) as pool:
        try:
            done = await write(pool, options.out, await evidence(settings, pool), process=options.process)
        except OSError as error:
            raise ConfigurationError(f"{options.out} can't be written: {error.strerror}") from None
    print(f"{options.out}: {done.events:,} events, {done.documents:,} documents, proven at {done.size:,}")


async def verify(settings: Settings, options: argparse.Namespace) -> None:
    """Check an exported file, needing nothing else, or (without one) the log in the database."""
    _tell(await _verify_log(settings, options))


def verify_file(options: argparse.Namespace) -> bool:
    """Check the file if one is given: no settings, no database, nothing but itself."""
    from app.audit.verify import verify_archive

    if options.file is None:
        return False
    authorities = _authorities(options)
    report = verify_archive(
        options.file, keys=options.key, witnesses=options.witness, authorities=authorities
    )
    _tell(report)
    return True


def _authorities(options: argparse.Namespace) -> list[Certificate]:
    from app.audit.timestamps import trusted_roots

    return [] if options.tsa is None else trusted_roots(options.tsa)


def _tell(report: Report) -> None:
    """Print every check; raises VerificationFailed."""
    print("\n".join(report.lines()), flush=True)
    if report.first is not None:
        where = "" if report.first.position is None else f" at position {report.first.position}"
        raise VerificationFailed(f"{report.first.name}{where}: {report.first.failure}")


async def _verify_log(settings: Settings, options: argparse.Namespace) -> Report:
    from app.audit.live import verify_log
    from app.audit.own import evidence

    prepare(settings.data_dir)
    async with _pool(settings) as pool:
        own = await evidence(settings, pool)
        return await verify_log(
            pool,
            own.checkpoints,
            options.key or own.keys,
            witnesses=options.witness,
            stamps=own.stamps,
            authorities=_authorities(options),
        )


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    from app.database.postgres import connect_pool
    from app.wiring import database

    async with database(settings) as url:
        pool = await connect_pool(url)
        try:
            yield pool
        finally:
            await pool.close()


def commands(to: Parsers) -> None:
    """Add them."""
    out = add(to, "export", export)
    what = out.add_mutually_exclusive_group(required=True)
    what.add_argument("--process", type=UUID, metavar="ID", help="one process")
    what.add_argument("--all", action="store_true", help="the whole log")
    what.add_argument("--person", metavar="PERSON", help="what is known of somebody, by id or e-mail (JSON)")
    out.add_argument("--out", type=Path, required=True, metavar="FILE")
    check = add(to, "verify", verify, data_dir=False, alone=verify_file)
    check.add_argument("file", nargs="?", type=Path, metavar="FILE")
    check.add_argument("--key", action="append", default=[], metavar="VKEY", help="a verifier key to trust")
    check.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness that must have cosigned"
    )
    check.add_argument(
        "--tsa", type=Path, metavar="PEM", help="roots that the certificates of time stamps must lead to"
    )
