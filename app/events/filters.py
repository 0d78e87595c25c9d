"""Which events a subscriber wants, in the filter dialects of CloudEvents Subscriptions 1.0, section 3.2.4.

A filter is a list of expressions, all of which must hold; an empty one lets everything through.
An expression is an object with one member, its dialect:

- `exact`, `prefix`, `suffix`: `{attribute: text, …}`, where every attribute must equal, begin with or
  end with its text, case counted; one that the event lacks does not.
- `all`, `any`: a list of expressions; `not`: one expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias
from uuid import UUID

from app.events.attributes import attribute
from domain.errors import Invalid
from domain.ports import EventFilter, RecordedEvent

DEPTH = 8  # expressions within one another
EXPRESSIONS = 100  # comparisons and combinations in one filter
TEXT = 500  # characters to compare with

_NAME = re.compile(r"[a-z0-9]{1,20}\Z")
_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
}


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Attributes, each with the text that it is compared with."""

    dialect: str
    wanted: tuple[tuple[str, str], ...]

    def holds(self, event: RecordedEvent, source: str) -> bool:
        compare = _COMPARISONS[self.dialect]
        for name, text in self.wanted:
            value = attribute(event, source, name)
            if value is None or not compare(value, text):
                return False
        return True

    def to_json(self) -> dict[str, Any]:
        return {self.dialect: dict(self.wanted)}


@dataclass(frozen=True, slots=True)
class _Combination:
    """All, or any, of several expressions."""

    dialect: Literal["all", "any"]
    parts: tuple[_Expression, ...]

    def holds(self, event: RecordedEvent, source: str) -> bool:
        decide = all if self.dialect == "all" else any
        return decide(part.holds(event, source) for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        return {self.dialect: [part.to_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class _Negation:
    """The opposite of an expression."""

    part: _Expression

    def holds(self, event: RecordedEvent, source: str) -> bool:
        return not self.part.holds(event, source)

    def to_json(self) -> dict[str, Any]:
        return {"not": self.part.to_json()}


_Expression: TypeAlias = _Comparison | _Combination | _Negation


@dataclass(frozen=True, slots=True)
class Filter:
    """Lets through the events for which all its expressions hold."""

    expressions: tuple[_Expression, ...] = ()

    @classmethod
    def parse(cls, given: Any) -> Filter:
        """The filter that a JSON value (a list of expressions, or one alone) spells; raises Invalid."""
        if isinstance(given, dict):
            given = [given]
        return cls(_Parser().expressions(given, DEPTH, "filter"))

    def matches(self, event: RecordedEvent, source: str = "") -> bool:
        """Whether the event is wanted; `source` is this installation's address."""
        return all(expression.holds(event, source) for expression in self.expressions)

    def to_json(self) -> list[dict[str, Any]]:
        """What `parse` reads as this filter."""
        return [expression.to_json() for expression in self.expressions]

    def narrowed(self) -> EventFilter:
        """What the log itself can sort out: every event that matches passes it, and some others may."""
        exact: dict[str, str] = {}
        prefix = ""
        for expression in self.expressions:
            if isinstance(expression, _Comparison) and expression.dialect == "exact":
                exact |= dict(expression.wanted)
            elif isinstance(expression, _Comparison) and expression.dialect == "prefix":
                prefix = dict(expression.wanted).get("type", prefix)
        types: tuple[str, ...] = ()
        if "type" in exact:
            types = (exact["type"],)
        elif prefix.endswith("."):
            types = (f"{prefix}*",)
        id_of = partial(_id, exact)
        return EventFilter(types, stream=id_of("subject"), process=id_of("process"), actor=id_of("actor"))


def _id(exact: Mapping[str, str], name: str) -> UUID | None:
    """The id that an attribute must have; None if the text is not how an id is written."""
    try:
        found = UUID(exact.get(name, ""))
    except ValueError:
        return None
    return found if str(found) == exact[name] else None


class _Parser:
    """Reads one filter, counting its expressions."""

    def __init__(self) -> None:
        self._left = EXPRESSIONS

    def expressions(self, given: Any, depth: int, field: str) -> tuple[_Expression, ...]:
        if not isinstance(given, list):
            raise _invalid(field, "a list of filter expressions is needed")
        return tuple(self._expression(one, depth, f"{field}.{n}") for n, one in enumerate(given))

    def _expression(self, given: Any, depth: int, field: str) -> _Expression:
        if depth == 0:
            raise _invalid(field, f"filters nest at most {DEPTH} deep")
        if not isinstance(given, dict) or len(given) != 1:
            raise _invalid(field, "a filter expression is an object with one member, its dialect")
        [(dialect, value)] = given.items()
        field = f"{field}.{dialect}" if dialect in ("not", "all", "any", *_COMPARISONS) else field
        if dialect in _COMPARISONS:
            return self._comparison(dialect, value, field)
        self._count(1, field)
        if dialect == "not":
            return _Negation(self._expression(value, depth - 1, field))
        if dialect in ("all", "any"):
            parts = self.expressions(value, depth - 1, field)
            if not parts:
                raise _invalid(field, "at least one filter expression is needed")
            return _Combination("all" if dialect == "all" else "any", parts)
        raise _invalid(field, "the dialects are exact, prefix, suffix, all, any and not")

    def _comparison(self, dialect: str, given: Any, field: str) -> _Comparison:
        if not isinstance(given, dict) or not given:
            raise _invalid(field, "an object of attributes and texts is needed")
        self._count(len(given), field)
        for name, text in given.items():
            if not _NAME.match(name):
                raise _invalid(field, "attribute names are of 1 to 20 lower-case letters and digits")
            if not isinstance(text, str) or not 1 <= len(text) <= TEXT:
                raise _invalid(f"{field}.{name}", f"a text of 1 to {TEXT} characters is needed")
        return _Comparison(dialect, tuple(given.items()))

    def _count(self, found: int, field: str) -> None:
        self._left -= found
        if self._left < 0:
            raise _invalid(field, f"a filter has at most {EXPRESSIONS} comparisons and combinations")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, code="filter_invalid", field=field)
