"""The command line: `interlink COMMAND`. One file for each group of commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import uvloop

from app import logs
from app.cli import audit, backup, documents, privacy, projections, serving, tail, tokens, witness
from app.data_dir import exclusive, prepare
from app.database.embedded import EmbeddedPostgresFailed
from app.database.migrate import SchemaTooNew
from app.settings import ConfigurationError, load
from domain.errors import DomainError

REFUSALS = (ConfigurationError, EmbeddedPostgresFailed, SchemaTooNew, DomainError)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a refusal is one line on stderr and exit code 1 (2 for wrong usage)."""
    options = parser().parse_args(arguments)
    try:
        if not options.alone(options):
            _run(options)
    except REFUSALS as error:
        sys.exit(f"interlink: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _run(options: argparse.Namespace) -> None:
    """With the settings of the environment."""
    settings = load()
    logs.configure(format=settings.log_format, level=settings.log_level)
    with ExitStack() as stack:
        if options.needs_data_dir:
            prepare(settings.data_dir)
        if options.serves:
            stack.enter_context(exclusive(settings.data_dir))
        uvloop.run(options.run(settings, options))


def parser() -> argparse.ArgumentParser:
    """All commands and what each takes."""
    parser = argparse.ArgumentParser(prog="interlink", description="Co-production, event by event.")
    to = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (serving, projections, documents, tokens, tail, privacy, backup, audit, witness):
        group.commands(to)
    return parser
