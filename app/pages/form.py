"""A form that was sent: what was typed, what is wrong with it, and its id against doubling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from domain.errors import Invalid

_HIDDEN = frozenset({"csrf", "once"})


@dataclass(frozen=True)
class Form:
    """`values` as sent; `errors` by field, where the field None speaks of the whole form."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str | None, str] = field(default_factory=dict)

    @property
    def once(self) -> str:
        """The id that the page gave this form, the same when it is sent twice."""
        return self.values.get("once", "")

    @property
    def entered(self) -> Mapping[str, str]:
        """What was entered, without what the page put in."""
        return {name: value for name, value in self.values.items() if name not in _HIDDEN}

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def uuid(self, name: str, code: str) -> UUID | None:
        """A chosen id; None if nothing was chosen. Raises Invalid with this code for what is no id."""
        if not self[name]:
            return None
        try:
            return UUID(self[name])
        except ValueError:
            raise Invalid("not an id", code=code, field=name) from None

    def value(self, name: str, otherwise: object = "") -> str:
        """What was typed into a field, or what stands there before anything is."""
        return self.values.get(name, str(otherwise))

    def error(self, name: str) -> str | None:
        """What is wrong with a field."""
        return self.errors.get(name)

    def id(self, name: str) -> str:
        """The HTML id of a field."""
        return f"{self.name}-{name}"

    def with_error(self, name: str | None, message: str) -> Form:
        """The form with one more thing wrong."""
        return replace(self, errors={**self.errors, name: message})


class Forms:
    """The forms of a page, of which at most one was sent."""

    def __init__(self, sent: Form | None = None) -> None:
        self.sent = sent

    @property
    def named(self) -> Callable[[str], Form]:
        """The form of this name: the one that was sent, or an empty one."""
        return lambda name: self.sent if self.sent is not None and self.sent.name == name else Form(name)
