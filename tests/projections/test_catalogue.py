"""Every view is in the list, and none stands in the way of another."""

from __future__ import annotations

import pkgutil
import re
import sqlite3
from contextlib import closing
from importlib import import_module

import pytest

import projections
from domain.catalogue import EVENTS
from projections.catalogue import VIEWS
from projections.ports import Statement, View

MODULES = [import_module(f"projections.{found.name}") for found in pkgutil.iter_modules(projections.__path__)]


def test_every_view_that_is_written_is_kept() -> None:
    written = [module.VIEW for module in MODULES if hasattr(module, "VIEW")]
    assert len(written) > 3
    assert sorted(view.name for view in written) == sorted(view.name for view in VIEWS)


def test_views_share_neither_names_nor_tables() -> None:
    tables = [table for view in VIEWS for table in view.tables]
    assert len(set(tables)) == len(tables)
    assert len({view.name for view in VIEWS}) == len(VIEWS)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_makes_the_tables_that_it_names_and_reads_known_events(view: View) -> None:
    made = re.findall(r"CREATE TABLE (\w+)", view.ddl)
    assert sorted(made) == sorted(view.tables)
    assert all(table.startswith("view_") for table in made), "apart from what cannot be made anew"
    assert view.types <= {entry.name for entry in EVENTS}
    with closing(sqlite3.connect(":memory:")) as other:  # an export is verified without PostgreSQL
        other.create_collation("C", lambda a, b: (a > b) - (a < b))
        other.executescript(view.ddl)


def test_one_table_is_always_addressed_by_keys_of_one_length() -> None:
    keys: dict[str, set[int]] = {}
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, Statement):
                keys.setdefault(value.table, set()).add(value.key)
    assert set(keys) == {table for view in VIEWS for table in view.tables}
    assert all(len(lengths) == 1 for lengths in keys.values())
