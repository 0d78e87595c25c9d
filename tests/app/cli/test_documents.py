"""`interlink documents`: what is wrong with stored text is said, set aside, and used again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.cli import parser
from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from tests.app.cli.test_privacy import Run, run
from tests.app.documents.test_checkup import created, log

__all__ = ["log", "run"]

_BROKEN = """
INSERT INTO document_updates
    (document_id, person_id, session, received_at, inserted, deleted, origin, sequence, update)
VALUES ($1, $2, $2, now(), 0, 0, $2, 1, 'no update')
"""


async def test_what_can_not_be_read_is_found_set_aside_and_released(
    run: Run, pool: Pool, log: PostgresEventLog
) -> None:
    assert await run("documents", "check", "--all") == (0, ""), "all of none is well"
    assert await run("documents", "check") == (1, "name documents, or say --all")
    unknown = str(uuid4())
    for command in ("check", "quarantine"):
        assert await run("documents", command, unknown) == (1, f"there is no document {unknown}")
    broken = (await created(log)).id
    await pool.execute(_BROKEN, broken, uuid4())
    sound = (await created(log)).id
    assert await run("documents", "check", "--all") == (1, "1 of 2 documents can't be read whole")
    code, said = await run("documents", "check", str(sound))
    assert (code, f"{sound} ok  0 events" in said) == (0, True)
    code, said = await run("documents", "quarantine", str(broken))
    assert (code, said.splitlines()[-1]) == (0, "1 set aside")
    assert f"{broken} BAD" in said
    code, said = await run("documents", "check", "--all")
    assert (code, said.count(" ok "), "1 set aside" in said) == (0, 2, True)
    assert await run("documents", "release", str(broken)) == (0, "1 released\n")
    assert (await run("documents", "check", str(broken), str(sound)))[1].startswith("1 of 2 ")


@pytest.mark.parametrize("arguments", [["check", "x"], ["quarantine"], ["release", "1", "2"], []])
def test_what_is_no_document_s_id_is_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["documents", *arguments])
    assert ended.value.code == 2
