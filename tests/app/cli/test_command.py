"""Every command says what it does, and a command of one's own says what it needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from app.cli import parser
from app.cli.command import add, group
from app.settings import Settings


def commands(of: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All commands below a parser, by their full names, and those that have commands of their own."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part, below in action.choices.items():
                yield f"{name} {part}".strip(), below
                yield from commands(below, f"{name} {part}".strip())


COMMANDS = dict(commands(parser()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_can_be_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*name.split(), "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith(f"usage: interlink {name}")
    command = COMMANDS[name]
    if "run" in command._defaults:
        assert (command.description or "").strip().endswith(".")
        assert (command.description or "").split()[0] in shown


def test_only_the_server_holds_the_data_directory() -> None:
    assert [name for name, command in COMMANDS.items() if command.get_default("serves")] == ["serve"]


async def mine(settings: Settings, options: argparse.Namespace) -> None:
    """Do it.

    And more of it.
    """


def test_a_command_s_first_line_is_its_help_and_it_needs_a_data_directory_unless_it_says_not() -> None:
    top = argparse.ArgumentParser(prog="x")
    to = top.add_subparsers(required=True)
    add(group(to, "some", "several"), "thing", mine).add_argument("--n", type=int)
    add(to, "other", mine, data_dir=False, serves=True, alone=lambda options: True)
    assert "Do it." in top.format_help() + to.choices["some"].format_help()
    assert "more of it" not in top.format_help()
    some, other = top.parse_args(["some", "thing", "--n", "3"]), top.parse_args(["other"])
    assert (some.run, some.n, some.needs_data_dir, some.serves) == (mine, 3, True, False)
    assert some.alone(some) is False
    assert (other.needs_data_dir, other.serves, other.alone(other)) == (False, True, True)
    for wrong in ([], ["some"], ["thing"]):
        with pytest.raises(SystemExit) as ended:
            top.parse_args(wrong)
        assert ended.value.code == 2
