"""How a command says what it is called, what it takes, and what it needs before it runs."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.settings import Settings

Command: TypeAlias = Callable[[Settings, argparse.Namespace], Awaitable[None]]
"""What runs; its docstring's first line is its help. Raises one of app.cli.REFUSALS to end with one line."""

Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


Alone: TypeAlias = Callable[[argparse.Namespace], bool]
"""Does what needs no settings, and tells whether that was all there is to do; raises as a Command does."""


def _nothing(options: argparse.Namespace) -> bool:
    return False


def add(
    to: Parsers,
    name: str,
    run: Command,
    *,
    data_dir: bool = True,
    serves: bool = False,
    alone: Alone = _nothing,
) -> argparse.ArgumentParser:
    """A command's parser, to which its arguments are added.

    `data_dir`: it needs DATA_DIR, which is made if missing. `serves`: only one such may run on it.
    `alone`: what it can do whatever the environment says.
    """
    command = to.add_parser(name, help=(run.__doc__ or "").partition("\n")[0], description=run.__doc__)
    command.set_defaults(run=run, needs_data_dir=data_dir, serves=serves, alone=alone)
    return command


def group(to: Parsers, name: str, help: str) -> Parsers:
    """A command that has commands of its own."""
    return to.add_parser(name, help=help).add_subparsers(required=True, metavar="COMMAND")
