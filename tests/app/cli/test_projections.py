"""`interlink projections`: how the read models stand, and building them anew."""

from __future__ import annotations

from projections.catalogue import VIEWS
from tests.app.cli.test_privacy import Run, populate, run

__all__ = ["run"]

NAMES = [view.name for view in VIEWS]


async def test_every_view_has_a_line_and_is_built_anew_by_name_or_all_together(
    database: str, run: Run
) -> None:
    await populate(database)
    code, said = await run("projections", "rebuild", "all")
    assert (code, said.splitlines()) == (0, [f"{name} rebuilt" for name in NAMES])
    code, said = await run("projections", "rebuild", NAMES[0])
    assert (code, said) == (0, f"{NAMES[0]} rebuilt\n")
    code, said = await run("projections", "status")
    heading, *lines = [line.split() for line in said.splitlines()]
    assert (code, heading) == (0, ["view", "position", "behind", "state"])
    assert [line[0] for line in lines] == NAMES
    assert {tuple(line[2:]) for line in lines} == {("0", "ok")}
    assert {int(line[1]) for line in lines} != {0}
    code, said = await run("projections", "rebuild", "nonsense")
    assert (code, "nonsense" in said, said.count("\n")) == (1, True, 0)
