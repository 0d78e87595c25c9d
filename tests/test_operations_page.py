"""The operator's page names every limit with its default, every gauge it mentions, and every command."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from app.cli import parser
from realtime.limits import Limits
from realtime.metrics import Metrics

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()


def test_every_limit_is_there_with_its_default() -> None:
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE))
    defaults = {field.name.upper(): str(getattr(Limits(), field.name)) for field in fields(Limits)}
    assert table == defaults


def test_every_metric_named_exists() -> None:
    known = {field.name for field in fields(Metrics)}
    named = set(re.findall(r"`([a-z_]+?)(?:_total)?`", PAGE)) - {"document_updates", "document_set_aside"}
    named -= {"check", "quarantine", "release", "interlink_live_", "interlink_live_refused"}
    named = {name for name in named if not name.startswith(("interlink_webhook_", "interlink_subscription_"))}
    assert named <= known


def test_the_commands_exist() -> None:
    document = "5f0c4a68-3c0e-4c5c-8f0b-0f3a1a2b3c4d"
    for line in re.findall(r"^interlink (documents [a-z]+(?: --all)?)", PAGE, re.MULTILINE):
        arguments = line.split()
        parser().parse_args(arguments if "--all" in arguments else [*arguments, document])
