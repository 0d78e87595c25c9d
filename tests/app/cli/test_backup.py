"""`interlink backup` and `restore` lose nothing that nobody said to lose."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from app.data_dir import exclusive
from tests.app.cli.test_privacy import EMAIL, Run, populate, run

__all__ = ["run"]


async def known(database: str) -> str | None:
    """The e-mail of the one person there."""
    connection = await asyncpg.connect(database)
    found: str | None = await connection.fetchval("SELECT email FROM persons")
    await connection.close()
    return found


async def test_an_empty_place_is_filled_and_a_full_one_only_if_told_to(
    database: str, run: Run, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    assert await run("backup", "--out", str(empty)) == (0, f"backed up to {empty}\n")
    assert await run("restore", str(empty)) == (0, f"restored from {empty}; 0 erased again\n")
    await populate(database)
    code, said = await run("backup", "--out", str(empty))
    assert (code, said) == (1, f"{empty} can't be written: File exists")
    code, said = await run("restore", str(empty))
    assert code == 1
    assert said.endswith(" events are here already; to lose them, say --replace")
    with exclusive(tmp_path / "data"):
        code, said = await run("restore", str(empty), "--replace")
    assert (code, said) == (1, "an interlink serves from this DATA_DIR: stop it first")
    (tmp_path / "broken").write_bytes(empty.read_bytes()[:-1000])
    for file in (tmp_path / "broken", tmp_path / "missing"):
        assert (await run("restore", str(file), "--replace"))[0] == 1
    assert await known(database) == EMAIL
    assert (await run("restore", str(empty), "--replace"))[0] == 0
    assert await known(database) is None
