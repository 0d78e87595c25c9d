"""`interlink token create` prints a token that works, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.cli import parser
from app.cli.tokens import LONGEST
from app.database.postgres import connect_pool
from app.settings import load
from app.sign_in import SignIn
from tests.app.cli.test_privacy import EMAIL, Run, populate, run

__all__ = ["run"]


async def test_the_token_is_of_the_person_with_these_scopes_for_so_long(database: str, run: Run) -> None:
    await populate(database)
    key = {"SECRET_KEY": "a key for tests alone"}
    asked = ("token", "create", "--person", EMAIL)
    plain = await run(*asked, **key)
    wide = await run(*asked, "--scope", "write", "--scope", "live", "--days", "3", "--name", "CI", **key)
    pool = await connect_pool(database)
    sign_in = SignIn(pool, load(key).signing_key())
    for (code, said), scopes, days in ((plain, {"read"}, 90), (wide, {"write", "live"}, 3)):
        assert (code, said.count("\n")) == (0, 1)
        found = await sign_in.bearer(said.strip())
        assert found is not None
        assert found.expires is not None
        assert found.scopes == scopes
        assert abs(found.expires - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)
    names = await pool.fetch("SELECT name FROM access_tokens ORDER BY created_at")
    await pool.close()
    assert [row["name"] for row in names] == ["command line", "CI"]
    code, said = await run("token", "create", "--person", "nobody@example.org", **key)
    assert (code, said) == (1, "nobody with the e-mail nobody@example.org has signed in here")


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "", str(LONGEST + 1), "9" * 30, "9" * 5000])
def test_days_that_can_not_be_are_wrong_usage(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["token", "create", "--person", EMAIL, f"--days={days}"])
    assert ended.value.code == 2
    assert "--days" in capsys.readouterr().err
    options = parser().parse_args(["token", "create", "--person", EMAIL, "--days", str(LONGEST)])
    assert (datetime.now(UTC) + timedelta(days=options.days)).year > 2100
