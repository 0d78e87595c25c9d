"""`interlink keys | timestamp`: what others need to trust this log, and what others vouch for."""

from __future__ import annotations

import argparse

from app.cli.command import Parsers, add
from app.settings import ConfigurationError, Settings


async def keys(settings: Settings, options: argparse.Namespace) -> None:
    """Print the verifier keys of this log and of the witness that this installation is for others."""
    from app.audit.keys import WITNESS_PATH, log_signer, witness_signer

    print(f"log      {log_signer(settings).verifier.vkey}")
    print(f"witness  {witness_signer(settings).verifier.vkey} {settings.address}{WITNESS_PATH}")


async def timestamp(settings: Settings, options: argparse.Namespace) -> None:
    """Have the log's head time-stamped now by the authority at TSA_URL (RFC 3161)."""
    from app.audit.timestamps import BadTimeStamp, NotStamped, stamp
    from app.audit.tree import MissingHashes
    from app.database.postgres import connect_pool
    from app.wiring import database

    if settings.tsa_url is None:
        raise ConfigurationError("TSA_URL: name an authority to ask")
    async with database(settings) as url:
        pool = await connect_pool(url)
        try:
            size = await stamp(pool, settings)
        except (NotStamped, BadTimeStamp, MissingHashes) as error:
            raise ConfigurationError(f"there is no time stamp: {error}") from None
        finally:
            await pool.close()
    print("the head is time-stamped already" if size is None else f"{size:,} events time-stamped")


def commands(to: Parsers) -> None:
    """Add them."""
    add(to, "keys", keys)
    add(to, "timestamp", timestamp)
