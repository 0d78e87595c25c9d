"""`interlink migrate`, `seed` and `check-config`; `serve` is started in tests/app/test_cli.py."""

from __future__ import annotations

import re

import pytest

from app.cli import parser
from app.settings import SECRETS, Settings, load
from tests.app.cli.test_privacy import Run, run

__all__ = ["run"]


async def test_check_config_names_every_setting_and_hides_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {
        "DATABASE_URL": "postgresql://me:hunter2@db/x",
        "SECRET_KEY": "hunter2",
        "REDIS_URL": "redis://:hunter2@r",
    }
    settings = load({"PORT": "81", "LIVE_REFUSAL_PAUSE": "0.25", **secrets})
    options = parser().parse_args(["check-config"])
    assert not options.needs_data_dir
    await options.run(settings, options)
    said = capsys.readouterr().out
    assert "hunter2" not in said
    assert re.search(r"^PORT +81 ", said, re.MULTILINE)
    for name in SECRETS:
        assert re.search(rf"^{name.upper()} +\(hidden\) ", said, re.MULTILINE), name
    for name in set(Settings.model_fields) - {"live", "conversion"}:
        assert re.search(rf"^{name.upper()} ", said, re.MULTILINE), name
    assert re.search(r"^  LIVE_REFUSAL_PAUSE +0\.25$", said, re.MULTILINE)


async def test_demo_processes_are_added_once(run: Run) -> None:
    assert await run("migrate") == (0, "the database is up to date\n")
    code, said = await run("seed")
    assert code == 0
    assert re.fullmatch(r"[1-9][0-9]* demo processes added\n", said)
    assert await run("seed") == (0, "the demo processes are there already\n")
